"""One covariance for all classes, shrunk by as much as the images themselves ask for."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.base import class_means, varies
from nero_core.detectors.components import scatter_spectrum
from nero_core.errors import CalibrationError

#: the α that are tried: 10⁻⁶ to 0.8, ten a decade
SHRINKAGES = tuple(10 ** (-6 + step / 10) for step in range(60))


@dataclass(frozen=True, slots=True)
class TiedGaussian:
    """Class means ``μ_c`` and the inverse of one shrunk covariance, whose distance is ``(x − μ)ᵀ Σ_α⁻¹ (x − μ)``.

    ``Σ_α = (1 − α) Σ + α t I`` with the covariance ``Σ`` within the classes and ``t = tr(Σ)/D``. Along the eigenvectors
    ``V`` of ``Σ``, with eigenvalues λ, its precision is ``1/((1 − α)λ + αt)``, and ``1/(αt)`` along all others, so that
    D × D matrices are never needed. With α = 0 it is the pseudo-inverse: other directions do not count.

    Attributes:
        means: of each class.
        vectors: V, the directions in which the fit images vary within their classes.
        precisions: along each of them.
        rest: the precision of all other directions.
        shrinkage: α.
        held_out: distance of each fit image to its class, both without it; nan where the class has no other image, and
            with α = 0.
    """

    means: Float[Tensor, "classes neurons"]
    vectors: Float[Tensor, "neurons rank"]
    precisions: Float[Tensor, " rank"]
    rest: float
    shrinkage: float
    held_out: Float[Tensor, " images"]

    def distances(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch classes"]:
        """Squared distance of each row to each class mean, ≥ 0."""
        centre = self.means.mean(dim=0)
        x, means = x - centre, self.means - centre
        inside, inside_means = x @ self.vectors, means @ self.vectors
        scale = self.precisions.sqrt()
        distance = torch.cdist(inside * scale, inside_means * scale).square()
        if self.rest == 0 or len(self.vectors) == len(scale):  # nothing lies outside, or it does not count
            return distance
        outside = torch.cdist(x, means).square() - torch.cdist(inside, inside_means).square()
        return distance + self.rest * outside.clamp_min(0)

    def contributions(
        self, x: Float[Tensor, "batch neurons"], nearest: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch neurons"]:
        """``(x − μ)_j [Σ_α⁻¹ (x − μ)]_j``: signed, and sums to the distance to the class of each row."""
        offset = x - self.means[nearest]
        white = offset @ self.vectors
        inside = white @ self.vectors.T
        return offset * ((white * self.precisions) @ self.vectors.T + self.rest * (offset - inside))


def fit_tied_gaussian(
    x: Float[Tensor, "images neurons"], labels: Int[Tensor, " images"], shrinkage: float | None = None
) -> TiedGaussian:
    """Fit class means and the covariance, whose α is the likeliest for images that were left out.

    With ``r_i = x_i − μ_c``, ``n`` images in all and ``n_c`` in the class, an image that is left out lies
    ``e_i = n_c/(n_c − 1) · r_i`` from the mean of the rest, and takes ``n_c/(n_c − 1) · r_i r_iᵀ`` out of the scatter
    ``S``. With ``G = (1 − α) S/(n − 1) + αtI``, ``β = (1 − α) n_c / ((n_c − 1)(n − 1))`` and ``q_i = r_iᵀ G⁻¹ r_i``
    the lemma of Sherman and Morrison gives its likelihood without another inverse::

        d_i = e_iᵀ G_i⁻¹ e_i = (n_c/(n_c − 1))² · q_i / (1 − β q_i)
        log p_i = −½ [log det G + log(1 − β q_i) + d_i] + constant

    Args:
        x: ID images, float64.
        labels: their classes.
        shrinkage: α in [0, 1]; chosen where None.

    Raises:
        CalibrationError: no class has two images that differ.

    Reference: Hoffbeck & Landgrebe, Covariance matrix estimation and classification with limited training data, TPAMI
        1996 (leave-one-out by a change of rank one).
    Differs: the shrinkage is towards the scaled identity, and t is that of all images, also for the one left out.
    """
    classes, index = labels.unique(return_inverse=True)
    counts = torch.bincount(index)[index].to(x)
    means = class_means(x, labels, classes)
    within = x - means[index]
    if not varies(within, x):
        raise CalibrationError("Expected a class with ID images that differ. Found equal ones. Add ID images.")
    values, vectors = scatter_spectrum(within)
    images, width = x.shape
    projected, square = (within @ vectors).square(), within.square().sum(dim=1)
    rest = (square - projected.sum(dim=1)).clamp_min(0)  # what rounding leaves outside the eigenvectors
    mean_variance = float(values.sum()) / images / width
    spare = counts > 1
    ratio = torch.where(spare, counts / (counts - 1).clamp_min(1), torch.nan)

    def left_out(alpha: float) -> tuple[Tensor, float]:
        """Distances of the images that were left out, and their mean log-likelihood but for a constant."""
        base = alpha * mean_variance
        variances = (1 - alpha) * values / max(images - 1, 1) + base
        q = projected @ (1 / variances) + rest / base
        beta = (1 - alpha) * ratio / max(images - 1, 1)
        shrunk = (1 - beta * q).clamp_min(torch.finfo(x.dtype).eps)
        distance = ratio.square() * q / shrunk
        log_det = float(variances.log().sum()) + (width - len(values)) * float(torch.tensor(base).log())
        return distance, -0.5 * (log_det + float((shrunk.log() + distance)[spare].mean()))

    alpha = max(SHRINKAGES, key=lambda candidate: left_out(candidate)[1]) if shrinkage is None else shrinkage
    if alpha == 0:
        return TiedGaussian(means, vectors, images / values, 0.0, 0.0, torch.full_like(square, torch.nan))
    base = alpha * mean_variance
    precisions = 1 / ((1 - alpha) * values / images + base)
    return TiedGaussian(means, vectors, precisions, 1 / base, alpha, left_out(alpha)[0])
