"""Every method by name, in one explicit dict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import FeaturesDetector, LogitsDetector, RequiresFittingException
from pytorch_ood.detector import EnergyBased, Entropy, Mahalanobis, MaxLogit, MaxSoftmax, ViM
from torch import Tensor

from nero_core.detectors.checks import check_features, check_labels
from nero_core.detectors.nero import NERO
from nero_core.device import statistics_device
from nero_core.errors import CalibrationError, NeroError
from nero_core.types import Head

Needs = Literal["features", "logits"]


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One method.

    Attributes:
        name: its key in ``DETECTORS``.
        family: what its score is made of.
        paper: authors, venue, year.
        needs: what the score is computed from.
        build: makes an unfitted detector for a head; keywords are the method's hyper-parameters.
    """

    name: str
    family: str
    paper: str
    needs: Needs
    build: Callable[..., FeaturesDetector]


class Baseline(FeaturesDetector):
    """A detector of pytorch-ood behind the one interface: it sees features, and the head where it needs logits.

    Args:
        make: makes a fresh, unfitted detector, so that a second fit forgets the first.
        head: the classifier's last linear layer.
        needs: whether ``make``'s detector takes features or logits.

    Differs:
        pytorch-ood computes in float32; so do its detectors here.
    """

    def __init__(self, make: Callable[[], FeaturesDetector | LogitsDetector], head: Head, needs: Needs) -> None:
        self._make = make
        self._head = head
        self._needs = needs
        self._is_fitted = False
        self.detector = make()
        self.requires_fit = self.detector.requires_fit
        self.info = self.detector.info

    def fit(self, data_loader: object) -> "Baseline":
        """Not offered: see ``fit_features``."""
        raise NotImplementedError("This detector fits on features: call fit_features(features, labels).")

    def predict(self, x: Tensor) -> Tensor:
        """Not offered: see ``predict_features``."""
        raise NotImplementedError("This detector scores features: call predict_features(features).")

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "Baseline":
        """Fit a fresh detector on ID features.

        Raises:
            CalibrationError: shapes do not fit the head, or the method cannot fit this bank.
        """
        inputs = self._inputs(x)
        check_labels(x, y)
        detector = self._make()
        try:
            if isinstance(detector, LogitsDetector):
                detector.fit_logits(inputs, y)
            else:
                detector.fit_features(inputs, y)
        except (AssertionError, ValueError, RuntimeError) as error:
            raise CalibrationError(
                f"Expected a fit bank that {type(detector).__name__} can be fitted on. "
                f"Found {len(x)} images of {len(y.unique())} classes ({error or 'labels are not 0 … C−1'}). "
                "Use another method or more images."
            ) from error
        self.detector = detector
        self._is_fitted = True
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores; higher = more OOD.

        Raises:
            RequiresFittingException: the method needs a fit and got none.
            CalibrationError: shapes do not fit the head.
        """
        if self.requires_fit and not self._is_fitted:
            raise RequiresFittingException("You have to call fit_features() before predict_features().")
        inputs = self._inputs(x)
        scores: Tensor = (
            self.detector.predict_logits(inputs)
            if isinstance(self.detector, LogitsDetector)
            else self.detector.predict_features(inputs)
        )
        return scores

    def _inputs(self, x: Tensor) -> Tensor:
        check_features(x, self._head.neurons)
        features = x.float()
        return self._head.logits(features) if self._needs == "logits" else features


class TiedMahalanobis(Mahalanobis):
    """Half the squared Mahalanobis distance to the nearest class mean, with one covariance for all classes.

    Differs:
        pytorch-ood sums the covariance in float32 and inverts it after adding 10⁻⁶; with fewer images than neurons the
        inverse is rounding noise and the distance may come out negative. Here it is a mean in float64, pseudo-inverted:
        directions in which the fit images do not vary do not count.
    """

    mu: Tensor | None

    def fit_features(self, z: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "TiedMahalanobis":
        """Fit class means and the shared covariance."""
        exact = z.to(statistics_device(z.device), torch.float64)
        labels = y.to(exact.device)
        super().fit_features(exact.float(), labels)
        means = torch.stack([exact[labels == label].mean(dim=0) for label in range(len(labels.unique()))])
        centred = exact - means[labels]
        self.mu = means
        self.cov = centred.T @ centred / len(exact)
        self.precision = torch.linalg.pinv(self.cov, hermitian=True)
        return self

    def predict_features(self, z: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores, ≥ 0; higher = more OOD."""
        scores: Tensor = super().predict_features(z if self.mu is None else z.to(self.mu))
        return scores


def _vim(head: Head, dimension: int | None = None) -> FeaturesDetector:
    # D/2, and 512 for D ≥ 768: the setting of NERO's published comparison.
    published = 512 if head.neurons >= 768 else head.neurons // 2
    size = published if dimension is None else dimension
    return Baseline(lambda: ViM(None, d=size, w=head.weight.float(), b=head.bias.float()), head, "features")


def _specs() -> dict[str, DetectorSpec]:
    return {
        spec.name: spec
        for spec in (
            DetectorSpec("nero", "relevance", "Chhetri et al., MICCAI 2025", "features", NERO),
            DetectorSpec(
                "msp",
                "logits",
                "Hendrycks & Gimpel, ICLR 2017",
                "logits",
                lambda head, temperature=1.0: Baseline(lambda: MaxSoftmax(None, t=temperature), head, "logits"),
            ),
            DetectorSpec(
                "max_logit",
                "logits",
                "Hendrycks et al., ICML 2022",
                "logits",
                lambda head: Baseline(lambda: MaxLogit(None), head, "logits"),
            ),
            DetectorSpec(
                "energy",
                "logits",
                "Liu et al., NeurIPS 2020",
                "logits",
                lambda head, temperature=1.0: Baseline(lambda: EnergyBased(None, t=temperature), head, "logits"),
            ),
            DetectorSpec(
                "entropy",
                "logits",
                "Chan et al., ICCV 2021",
                "logits",
                lambda head: Baseline(lambda: Entropy(None), head, "logits"),
            ),
            DetectorSpec(
                "mahalanobis",
                "distance",
                "Lee et al., NeurIPS 2018",
                "features",
                lambda head: Baseline(lambda: TiedMahalanobis(None), head, "features"),
            ),
            DetectorSpec("vim", "features and logits", "Wang et al., CVPR 2022", "features", _vim),
        )
    }


DETECTORS: Mapping[str, DetectorSpec] = MappingProxyType(_specs())


def build_detector(name: str, head: Head, **hyper: Any) -> FeaturesDetector:  # noqa: ANN401 (each method has its own)
    """An unfitted detector of the catalog for a head.

    Args:
        name: a key of ``DETECTORS``.
        head: the classifier's last linear layer.
        hyper: the method's hyper-parameters, by keyword.

    Raises:
        NeroError: the name is not in the catalog, or the method has no such hyper-parameter.
    """
    if name not in DETECTORS:
        raise NeroError(f"Expected a method among {', '.join(DETECTORS)}. Found {name!r}. Choose one of these.")
    try:
        return DETECTORS[name].build(head, **hyper)
    except TypeError as error:
        raise NeroError(
            f"Expected hyper-parameters that {name} has. Found {', '.join(hyper)} ({error}). Its docstring lists them."
        ) from error
