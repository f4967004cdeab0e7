"""Mahalanobis distances in float64, for banks with fewer images than neurons too."""

import torch
from jaxtyping import Float, Int
from pytorch_ood.detector import RMD, Mahalanobis
from torch import Tensor

from nero_core.detectors.base import class_means, unit_length
from nero_core.detectors.components import scatter_spectrum
from nero_core.device import float64
from nero_core.types import Head


class TiedMahalanobis(Mahalanobis):
    """Half the squared Mahalanobis distance to the nearest class mean, with one covariance for all classes.

    Differs:
        pytorch-ood sums the covariance in float32 and inverts it after adding 10⁻⁶; with fewer images than neurons the
        inverse is rounding noise and the distance may come out negative. Here it is a mean in float64, pseudo-inverted:
        directions in which the fit images do not vary do not count. The distance is taken in whitened coordinates,
        ``‖V Λ^(−1/2) (a − μ)‖²``, so it is ≥ 0.
    """

    mu: Tensor | None

    def fit_features(self, z: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "TiedMahalanobis":
        """Fit class means and the shared covariance."""
        exact = float64(z)
        classes, member = y.unique(return_inverse=True)
        means = class_means(exact, y, classes)
        self.centre, self.whitening = exact.mean(dim=0), _whitening(exact - means[member])
        self.mu = (means - self.centre) @ self.whitening
        return self

    def predict_features(self, z: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores, ≥ 0; higher = more OOD."""
        assert self.mu is not None
        white = (float64(z) - self.centre) @ self.whitening
        return torch.cdist(white, self.mu).amin(dim=1).square() / 2


class UnitMahalanobis(TiedMahalanobis):
    """``TiedMahalanobis`` on features scaled to unit length: Mahalanobis++.

    Reference:
        Müller & Hein, Mahalanobis++: improving OOD detection via feature normalization, ICML 2025.
    """

    def fit_features(self, z: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "UnitMahalanobis":
        """Fit class means and the shared covariance of the scaled features."""
        super().fit_features(unit_length(float64(z)), y)
        return self

    def predict_features(self, z: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores, ≥ 0; higher = more OOD."""
        return super().predict_features(unit_length(float64(z)))


class RelativeMahalanobis(RMD):
    """Squared Mahalanobis distance to the nearest class mean, less that to the mean of all classes.

    Differs:
        As in ``TiedMahalanobis``: pseudo-inverses of mean covariances in float64.
    """

    def fit_features(self, z: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "RelativeMahalanobis":
        """Fit class means, the shared covariance and the one Gaussian of all images.

        Raises:
            ValueError: there is one class, of which both distances are the same.
        """
        if len(y.unique()) < 2:
            raise ValueError("one class leaves nothing to be relative to")
        self.tied = TiedMahalanobis(None).fit_features(z, y)
        self.background = TiedMahalanobis(None).fit_features(z, torch.zeros_like(y))
        return self

    def predict_features(self, z: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores of any sign; higher = more OOD."""
        return 2 * (self.tied.predict_features(z) - self.background.predict_features(z))


def tied(head: Head) -> TiedMahalanobis:
    """Distance to the nearest class mean."""
    return TiedMahalanobis(None)


def unit(head: Head) -> UnitMahalanobis:
    """The same of features of unit length."""
    return UnitMahalanobis(None)


def relative(head: Head) -> RelativeMahalanobis:
    """The same less the distance to the mean of all classes."""
    return RelativeMahalanobis(None)


def _whitening(centred: Float[Tensor, "batch neurons"]) -> Float[Tensor, "neurons rank"]:
    values, vectors = scatter_spectrum(centred)
    if not len(values):
        raise ValueError("the features of a class do not vary")
    return vectors * (len(centred) / values).sqrt()
