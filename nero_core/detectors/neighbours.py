"""Exact nearest neighbours in chunks."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = 2**23  # distances in memory at once: 64 MB in float64
_SPARE = 8  # rows after the k-th that are compared in float64 where float32 leaves it open
_UNIT = 2.0**-24  # half of float32's step: the relative error of one operation


def neighbour_distance(
    queries: Float[Tensor, "queries neurons"], bank: Float[Tensor, "bank neurons"], k: int = 1, chunk: int = CHUNK
) -> Float[Tensor, " queries"]:
    """Euclidean distance of each query to its k-th nearest row of the bank, ≥ 0.

    The neighbour is found by one matrix product, and its distance is then taken from the difference itself, which
    cancels nothing. On a CPU the product is first one in float32, at half the time: where its rounding leaves it open
    which row is the k-th, the query is looked up in float64. The result is the same.

    Args:
        queries: what to look up.
        bank: where to look.
        k: which neighbour, from 1 to the size of the bank.
        chunk: how many distances are in memory at once.
    """
    half_squares = bank.square().sum(dim=1) / 2
    screen = _Screen(bank, half_squares) if k < len(bank) and _has_exact_float32(queries) else None
    distances = []
    for part in queries.split(max(1, chunk // len(bank))):
        index = _looked_up(part, bank, half_squares, k) if screen is None else screen.look_up(part, k)
        distances.append(torch.linalg.vector_norm(part - bank[index], dim=1))
    return torch.cat(distances) if distances else queries.new_zeros(0)


class _Screen:
    """A bank in float32 whose products are above the exact ones by a bound of their error.

    With u = 2⁻²⁴, the closeness ``c_j = q·b_j − ‖b_j‖²/2`` computed in float32 is wrong by at most
    ``e_j = γ (‖q‖ ‖b_j‖ + ‖b_j‖²/2)``, ``γ = 1.01 (D + 8) u``, in whatever order the sums are taken, but for underflow.
    One column more makes the product ``c_j + e_j``, so that the sorting is by upper bounds.

    Args:
        bank: float64.
        half_squares: ``‖b_j‖²/2``.

    Reference: Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1.
    """

    def __init__(self, bank: Float[Tensor, "bank neurons"], half_squares: Float[Tensor, " bank"]) -> None:
        neurons = bank.shape[1]
        self._bank, self._half_squares = bank, half_squares
        self._error = 1.01 * (neurons + 8) * _UNIT
        self._underflow = 4 * neurons * torch.finfo(torch.float32).tiny
        norms = (2 * half_squares).sqrt()
        self._scale = float(norms.max().clamp_min(torch.finfo(torch.float64).tiny))
        self._norms, self._halves = norms / self._scale, half_squares / self._scale**2
        self._columns = torch.cat([bank / self._scale, self._error * self._norms[:, None]], dim=1).float().T
        self._offset = ((1 - self._error) * self._halves - self._underflow).float()

    def look_up(self, queries: Float[Tensor, "part neurons"], k: int) -> Int[Tensor, " part"]:
        """The k-th nearest row of each query."""
        lengths = torch.linalg.vector_norm(queries, dim=1, keepdim=True) / self._scale
        rows = torch.cat([queries / self._scale, lengths], dim=1).float()
        product = torch.addmm(self._offset, rows, self._columns, beta=-1)
        upper, index = product.topk(min(k + _SPARE, product.shape[1]), dim=1)
        error = self._error * (lengths * self._norms[index] + self._halves[index]) + self._underflow
        lower = upper.double() - 2.25 * error  # a quarter more: the bound itself is rounded
        is_certain = lower[:, k - 1] > upper[:, k]  # all others are farther
        if k > 1:
            is_certain &= lower[:, : k - 1].amin(dim=1) > upper[:, k - 1]  # and the first ones nearer
        chosen = index[:, k - 1]
        # Whoever is below k lower bounds is not among the k nearest: then they are among those that were sorted.
        is_inside = ~is_certain & (lower.topk(k, dim=1).values[:, -1] > upper[:, -1])
        if bool(is_inside.any()):
            near, asked = index[is_inside], queries[is_inside]
            closeness = torch.bmm(self._bank[near], asked[:, :, None])[:, :, 0] - self._half_squares[near]
            chosen[is_inside] = near.gather(1, closeness.topk(k, dim=1).indices[:, -1:])[:, 0]
        is_open = ~(is_certain | is_inside)
        if bool(is_open.any()):
            chosen[is_open] = _looked_up(queries[is_open], self._bank, self._half_squares, k)
        return chosen


def _looked_up(
    queries: Float[Tensor, "part neurons"], bank: Tensor, half_squares: Float[Tensor, " bank"], k: int
) -> Int[Tensor, " part"]:
    closeness = torch.addmm(half_squares, queries, bank.T, beta=-1)
    return closeness.argmax(dim=1) if k == 1 else closeness.topk(k, dim=1).indices[:, -1]


def _has_exact_float32(queries: Tensor) -> bool:
    """Whether products in float32 are, on the CPU, and not in fewer bits, which PyTorch may be told to use."""
    is_double = queries.device.type == "cpu" and queries.dtype == torch.float64
    return is_double and torch.get_float32_matmul_precision() == "highest"
