"""Exact nearest neighbours in chunks."""

import torch
from jaxtyping import Float
from torch import Tensor

CHUNK = 2**23  # distances in memory at once: 64 MB in float64


def neighbour_distance(
    queries: Float[Tensor, "queries neurons"], bank: Float[Tensor, "bank neurons"], k: int = 1, chunk: int = CHUNK
) -> Float[Tensor, " queries"]:
    """Euclidean distance of each query to its k-th nearest row of the bank, ≥ 0.

    The neighbour is found by one matrix product, and its distance is then taken from the difference itself, which
    cancels nothing.

    Args:
        queries: what to look up.
        bank: where to look.
        k: which neighbour, from 1 to the size of the bank.
        chunk: how many distances are in memory at once.
    """
    half_squares = bank.square().sum(dim=1) / 2
    distances = []
    for part in queries.split(max(1, chunk // len(bank))):
        closeness = torch.addmm(half_squares, part, bank.T, beta=-1)
        index = closeness.argmax(dim=1) if k == 1 else closeness.topk(k, dim=1).indices[:, -1]
        distances.append(torch.linalg.vector_norm(part - bank[index], dim=1))
    return torch.cat(distances) if distances else queries.new_zeros(0)
