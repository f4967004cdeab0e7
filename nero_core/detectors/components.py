"""Exact principal components in float64, on the device of the features."""

import torch
from jaxtyping import Float
from torch import Tensor


def principal_components(x: Float[Tensor, "batch neurons"], wanted: int) -> Float[Tensor, "components neurons"]:
    """The ``wanted`` eigenvectors of the covariance with the largest eigenvalues, fewer where the rank is lower."""
    values, vectors = scatter_spectrum(x - x.mean(dim=0))
    count = min(wanted, len(values))
    components: Tensor = vectors[:, :count].T.contiguous()
    return components


def scatter_spectrum(
    centred: Float[Tensor, "batch neurons"],
) -> tuple[Float[Tensor, " rank"], Float[Tensor, "neurons rank"]]:
    """Eigenvalues (largest first) and eigenvectors of ``XᵀX``, without those that are 0 but for rounding.

    With fewer images than neurons they come from the smaller ``XXᵀ = U Λ Uᵀ``, as ``XᵀU Λ^(−1/2)``.
    """
    images, neurons = centred.shape
    if neurons <= images:
        return spectrum_of(centred.T @ centred, images)
    values, vectors = spectrum_of(centred @ centred.T, neurons)
    return values, centred.T @ (vectors / values.sqrt())


def spectrum_of(
    scatter: Float[Tensor, "width width"], summed: int
) -> tuple[Float[Tensor, " rank"], Float[Tensor, "width rank"]]:
    """The same of a matrix that is a sum of so many products."""
    values, vectors = torch.linalg.eigh(scatter)
    # The rank as numpy.linalg.matrix_rank judges it, for the squared singular values.
    floor = values[-1].clamp_min(0) * max(summed, len(scatter)) * torch.finfo(values.dtype).eps
    rank = int((values > floor).sum())
    return values.flip(0)[:rank], vectors.flip(1)[:, :rank]
