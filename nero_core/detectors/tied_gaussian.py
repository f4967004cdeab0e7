"""One covariance for all classes, shrunk by as much as the images themselves ask for."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.base import class_means, varies
from nero_core.detectors.components import scatter_spectrum
from nero_core.detectors.moments import Moments, RowsOf, batch_moments
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
        means: of each class that has images, in the order of the classes.
        vectors: V, the directions in which the fit images vary within their classes.
        precisions: along each of them.
        rest: the precision of all other directions.
        shrinkage: α.
        log_distance: mean and deviation of ``log d`` of the fit images to their classes, each left out of both (those
            whose class has no other image do not count); nan with α = 0.
    """

    means: Float[Tensor, "classes neurons"]
    vectors: Float[Tensor, "neurons rank"]
    precisions: Float[Tensor, " rank"]
    rest: float
    shrinkage: float
    log_distance: tuple[float, float]

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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Sums over images that were left out, at each α that is tried; of images whose class has another one.

    Attributes:
        images: how many there are.
        log_likelihood: ``Σ log p_i``, but for a constant.
        log_distance: ``Σ log d_i``.
        log_square: ``Σ (log d_i)²``.
    """

    images: int
    log_likelihood: Float[Tensor, " shrinkages"]
    log_distance: Float[Tensor, " shrinkages"]
    log_square: Float[Tensor, " shrinkages"]

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """The sums over the images of both."""
        return LeftOut(
            self.images + other.images,
            self.log_likelihood + other.log_likelihood,
            self.log_distance + other.log_distance,
            self.log_square + other.log_square,
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """How ID images vary within their classes: what a covariance is made of, and how it serves images left out of it.

    Attributes:
        counts: images of each class.
        means: of each class.
        values: eigenvalues of the scatter ``S`` within the classes, without those that are 0 but for rounding.
        vectors: their eigenvectors.
    """

    counts: Float[Tensor, " classes"]
    means: Float[Tensor, "classes neurons"]
    values: Float[Tensor, " rank"]
    vectors: Float[Tensor, "neurons rank"]

    @property
    def mean_variance(self) -> float:
        """``t = tr(S) / (nD)``."""
        return float(self.values.sum() / self.counts.sum()) / len(self.vectors)

    def left_out(
        self, x: Float[Tensor, "batch neurons"], index: Int[Tensor, " batch"], shrinkages: Sequence[float]
    ) -> tuple[Float[Tensor, "batch shrinkages"], Float[Tensor, "batch shrinkages"]]:
        """Distance and log-likelihood, but for a constant, of images that are among the counted, each left out.

        nan where the class has no other image. Formulas: `fit_tied_gaussian`.

        Args:
            x: some of the images.
            index: their classes, as rows of ``means``.
            shrinkages: each α that is tried, in (0, 1].
        """
        alpha = x.new_tensor(shrinkages)
        within = x - self.means[index]
        projected = (within @ self.vectors).square()
        outside = (within.square().sum(dim=1) - projected.sum(dim=1)).clamp_min(0)  # what rounding leaves there
        counts, others = self.counts[index], float(self.counts.sum()) - 1
        ratio = torch.where(counts > 1, counts / (counts - 1).clamp_min(1), torch.nan)[:, None]
        base = alpha * self.mean_variance
        variances = (1 - alpha) * self.values[:, None] / others + base
        q = projected @ (1 / variances) + outside[:, None] / base
        shrunk = (1 - (1 - alpha) * ratio / others * q).clamp_min(torch.finfo(x.dtype).eps)
        distance = ratio.square() * q / shrunk
        log_det = variances.log().sum(dim=0) + (len(self.vectors) - len(self.values)) * base.log()
        return distance, -0.5 * (log_det + shrunk.log() + distance)

    def gaussian(self, shrinkage: float | None, left_out: LeftOut | None) -> TiedGaussian:
        """The covariance of this α, or of the likeliest one of ``SHRINKAGES`` where None.

        Args:
            shrinkage: α.
            left_out: sums at this α, or at each of ``SHRINKAGES``; None with α = 0.
        """
        images = float(self.counts.sum())
        if left_out is None:
            return TiedGaussian(self.means, self.vectors, images / self.values, 0.0, 0.0, (math.nan, math.nan))
        best = int(left_out.log_likelihood.argmax())
        alpha = SHRINKAGES[best] if shrinkage is None else shrinkage
        mean = float(left_out.log_distance[best]) / left_out.images
        deviation = math.sqrt(max(float(left_out.log_square[best]) / left_out.images - mean**2, 0.0))
        base = alpha * self.mean_variance
        precisions = 1 / ((1 - alpha) * self.values / images + base)
        return TiedGaussian(self.means, self.vectors, precisions, 1 / base, alpha, (mean, deviation))


def spread_of(x: Float[Tensor, "images neurons"], labels: Int[Tensor, " images"]) -> Spread:
    """The spread of images that are all at hand; of their classes alone.

    Raises:
        CalibrationError: no class has two images that differ.
    """
    classes, index = labels.unique(return_inverse=True)
    means = class_means(x, labels, classes)
    within = x - means[index]
    if not varies(within, x):
        raise CalibrationError("Expected a class with ID images that differ. Found equal ones. Add ID images.")
    return Spread(torch.bincount(index).to(x), means, *scatter_spectrum(within))


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
    spread = spread_of(x, labels)
    if shrinkage == 0:
        return spread.gaussian(0.0, None)
    index = labels.unique(return_inverse=True)[1]
    return spread.gaussian(shrinkage, _sums(spread, x, index, _candidates(shrinkage)))


def tied_gaussian_passes(
    rows: RowsOf, classes: int, shrinkage: float | None = None
) -> Generator[Any, Any, tuple[Int[Tensor, " present"], TiedGaussian]]:
    """The same fit from sums alone, in two passes: moments, and then how likely each α is. One pass with α = 0.

    Args:
        rows: what is fitted of a batch, and its classes.
        classes: rows of the head.
        shrinkage: α in [0, 1]; chosen where None.

    Returns:
        The classes that have images, and their Gaussian.

    Raises:
        CalibrationError: there are fewer images than columns, or no class has two images that differ.
    """
    moments: Moments = yield partial(batch_moments, rows, classes)
    moments.check_enough()
    present = moments.classes
    if not moments.varies:
        raise CalibrationError("Expected a class with ID images that differ. Found equal ones. Add ID images.")
    spread = Spread(moments.counts[present], moments.means[present], *moments.within())
    if shrinkage == 0:
        return present, spread.gaussian(0.0, None)
    left_out: LeftOut = yield partial(_batch_sums, rows, spread, present, _candidates(shrinkage))
    return present, spread.gaussian(shrinkage, left_out)


def _candidates(shrinkage: float | None) -> Sequence[float]:
    return SHRINKAGES if shrinkage is None else (shrinkage,)


def _sums(spread: Spread, x: Tensor, index: Tensor, shrinkages: Sequence[float]) -> LeftOut:
    distance, likelihood = spread.left_out(x, index, shrinkages)
    spare = distance[:, 0].isfinite()
    logs = distance[spare].clamp_min(torch.finfo(distance.dtype).tiny).log()
    return LeftOut(int(spare.sum()), likelihood[spare].sum(dim=0), logs.sum(dim=0), logs.square().sum(dim=0))


def _batch_sums(
    rows: RowsOf,
    spread: Spread,
    present: Tensor,
    shrinkages: Sequence[float],
    x: Tensor,
    y: Any,  # noqa: ANN401
) -> LeftOut:
    vectors, labels = rows(x, y)
    return _sums(spread, vectors, torch.searchsorted(present, labels), shrinkages)
