"""Counts, class means and one scatter of many images: sums of their batches, which merge in any order."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.checks import Labels
from nero_core.detectors.components import spectrum_of
from nero_core.errors import CalibrationError

#: what is fitted of a batch of features and labels, both checked; can be pickled
RowsOf = Callable[[Tensor, Labels], tuple[Float[Tensor, "batch width"], Int[Tensor, " batch"]]]


@dataclass(frozen=True, slots=True)
class Moments:
    """What a covariance within classes, one of all images, or one about any origin is made of.

    ``a + b`` holds the images of both. With counts ``n_a``, ``n_b`` and means ``μ_a``, ``μ_b`` of each class::

        μ = μ_a + n_b/(n_a + n_b) (μ_b − μ_a)        S = S_a + S_b + Σ_c n_a n_b/(n_a + n_b) (μ_b − μ_a)(μ_b − μ_a)ᵀ

    Attributes:
        counts: images of each class, the rows of the head; 0 for a class without images.
        means: of each class; 0 for one without images.
        scatter: ``S = Σ_i (x_i − μ_c)(x_i − μ_c)ᵀ``, of all classes.

    Reference: Chan, Golub & LeVeque, Algorithms for computing the sample variance, The American Statistician 1983.
    """

    counts: Float[Tensor, " classes"]
    means: Float[Tensor, "classes width"]
    scatter: Float[Tensor, "width width"]

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of the images of both."""
        counts = self.counts + other.counts
        weight = (other.counts / counts.clamp_min(1))[:, None]
        step = other.means - self.means
        between = step * (self.counts[:, None] * weight).sqrt()
        return Moments(counts, self.means + weight * step, self.scatter + other.scatter + between.T @ between)

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.counts.sum())

    @property
    def classes(self) -> Int[Tensor, " present"]:
        """The classes that have images."""
        return self.counts.nonzero().squeeze(1)

    @property
    def mean(self) -> Float[Tensor, " width"]:
        """Mean of all images."""
        return self.counts @ self.means / self.counts.sum()

    def scatter_about(self, origin: Float[Tensor, " width"]) -> Float[Tensor, "width width"]:
        """``Σ_i (x_i − o)(x_i − o)ᵀ``, whatever the classes."""
        offset = (self.means - origin) * self.counts.sqrt()[:, None]
        return self.scatter + offset.T @ offset

    @property
    def varies(self) -> bool:
        """Whether images differ from their class means by more than the rounding of those means."""
        rounding = torch.finfo(self.means.dtype).eps * self.images * self.means.abs().max()
        return bool((self.scatter.diagonal() > self.images * rounding.square()).any())

    def check_enough(self) -> None:
        """See that there are as many images as columns.

        With fewer, eigenvalues that are 0 cannot be told from the rounding of many sums.

        Raises:
            CalibrationError: there are fewer.
        """
        width = self.means.shape[1]
        if self.images < width:
            raise CalibrationError(
                f"Expected at least {width} ID images to fit in passes, one for each column. Found {self.images}. "
                "So few fit into memory: use fit_features."
            )

    def within(self) -> tuple[Float[Tensor, " rank"], Float[Tensor, "width rank"]]:
        """Eigenvalues, largest first, and eigenvectors of the scatter within the classes."""
        return spectrum_of(self.scatter, self.images)

    def about(self, origin: Float[Tensor, " width"]) -> tuple[Float[Tensor, " rank"], Float[Tensor, "width rank"]]:
        """The same of the scatter of all images about an origin."""
        return spectrum_of(self.scatter_about(origin), self.images)


def batch_moments(rows: RowsOf, classes: int, x: Tensor, y: Labels) -> Moments:
    """The moments of what is fitted of one batch."""
    return moments_of(*rows(x, y), classes)


def moments_of(x: Float[Tensor, "batch width"], labels: Int[Tensor, " batch"], classes: int) -> Moments:
    """The moments of one batch of images of so many classes."""
    member = torch.nn.functional.one_hot(labels, classes).to(x)
    counts = member.sum(dim=0)
    means = (member / counts.clamp_min(1)).T @ x
    within = x - means[labels]
    return Moments(counts, means, within.T @ within)
