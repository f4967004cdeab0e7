"""NERO under other settings: fitted, calibrated and measured again from the banks, without a forward pass."""

import math
import threading
from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.card import BundleCard
from nero_core.calibration.detection import detect_by_scores, reference_scores
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.detectors.nero import NERO, NeroTerms
from nero_core.detectors.streamed import restored
from nero_core.device import float64
from nero_core.errors import CalibrationError, RelevanceError
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.types import Channels, Head, Observation, ReferenceScores, WhatIf, WhatIfSettings

NAME = "nero"
KEPT = 8  # fits, each with all components: D² numbers of 8 bytes, 2 MB for 512 channels and 34 MB for 2048
KEPT_BYTES = 128_000_000  # of all of them; at least one fit is kept


class WhatIfs:
    """Scores again with one bundle and keeps the fits that were asked for last. Safe to share between threads.

    Args:
        bundle: whose banks are scored.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._lock = threading.Lock()
        self._fits: OrderedDict[tuple[float, int], NERO] = OrderedDict()
        self._fitting: dict[tuple[float, int], threading.Lock] = {}
        self._most = max(1, min(KEPT, KEPT_BYTES // (8 * bundle.classifier.head.neurons**2)))

    def score(self, observation: Observation, settings: WhatIfSettings, index: int = 0) -> WhatIf:
        """One image and both banks under other settings; raises as ``widest_fit`` and ``score_again``."""
        bundle = self.bundle
        widest = self._widest(settings.epsilon, settings.norm)
        return score_again(widest, bundle.calibration, bundle.ood, observation, settings, index)

    def _widest(self, epsilon: float, norm: int) -> NERO:
        key = (epsilon, norm)
        with self._lock:
            if key in self._fits:
                self._fits.move_to_end(key)
                return self._fits[key]
            fitting = self._fitting.setdefault(key, threading.Lock())
        with fitting:  # threads that ask for this fit wait for it, others do not
            with self._lock:
                if key in self._fits:
                    return self._fits[key]
            try:
                made = self._stored(epsilon, norm) or widest_fit(
                    self.bundle.fit, self.bundle.classifier.head, epsilon, norm
                )
                with self._lock:
                    self._fits[key] = made
                    while len(self._fits) > self._most:
                        self._fits.popitem(last=False)
            finally:
                with self._lock:
                    self._fitting.pop(key, None)
        return made

    def _stored(self, epsilon: float, norm: int) -> NERO | None:
        """The bundle's own fit on all images, where its bank is a sample of them; other settings fit on the sample."""
        bundle = self.bundle
        own = settings_of(bundle.card, bundle.classifier.head)
        if bundle.fitted is None or (epsilon, norm) != (own.epsilon, own.norm):
            return None
        stored = restored(NAME, bundle.classifier.head, {}, bundle.fitted, epsilon=epsilon, component_share=1.0)
        assert isinstance(stored, NERO)
        return stored


def settings_of(card: BundleCard, head: Head) -> WhatIfSettings:
    """The settings that the bundle itself is fitted with, at its own tpr."""
    published = NERO(head, **card.hyper(NAME))
    share = published.components_wanted / head.neurons
    return WhatIfSettings(published.epsilon, share, published.k, published.norm, card.tpr)


def widest_fit(fit: FeatureBank, head: Head, epsilon: float, norm: int) -> NERO:
    """NERO with every component that the fit images give: what ``NERO.narrowed`` makes all others of.

    Raises:
        CalibrationError: ε or the norm is outside its range, or the relevance is not finite with this ε.
    """
    if not math.isfinite(epsilon):
        raise CalibrationError(f"Expected a finite ε ≥ 0. Found {epsilon}. The bundles here have 1e-6.")
    return NERO(head, epsilon=epsilon, component_share=1.0, norm=norm).fit_features(fit.features, fit.labels)


def score_again(
    widest: NERO,
    calibration: FeatureBank,
    ood: FeatureBank | None,
    observation: Observation,
    settings: WhatIfSettings,
    index: int = 0,
) -> WhatIf:
    """One image and both banks under other settings.

    Args:
        widest: see ``widest_fit``, with the ε and the norm of ``settings``.
        calibration: bank of the threshold and the p-value.
        ood: bank of OOD images, or None.
        observation: with the image.
        settings: k, share of components and tpr are read here.
        index: which image of the observation.

    Raises:
        CalibrationError: a setting is outside its range, there are too few calibration images for the tpr, or a
            score is not finite.
        RelevanceError: the relevance of the image is not finite.
    """
    nero = widest.narrowed(settings.component_share, settings.k)
    features = observation.features[index : index + 1]
    terms = nero.terms(features)
    if not bool(terms.relevance.isfinite().all()):
        raise RelevanceError(
            "Expected finite relevance. Found NaN or infinity: a logit of this image is too near 0. Raise ε."
        )
    reference = _reference(nero, calibration, ood, settings.tpr)
    known = reference.calibration, reference.ood
    return WhatIf(
        settings=settings,
        detection=detect_by_scores(
            NAME,
            float64(terms.score).cpu(),
            _shown_terms(nero, terms, features),
            observation.probabilities[index : index + 1],
            reference.calibration,
            settings.tpr,
        ),
        reference=reference,
        channels=Channels(
            terms.relevance[0].cpu(), nero.means.cpu(), int(terms.nearest[0]), float64(terms.contribution[0]).cpu()
        ),
        components=nero.components_found,
        bias_scale=float(nero.bias_scale),
        auroc=float("nan") if known[1] is None else auroc(known[0], known[1]),
        fpr95=float("nan") if known[1] is None else fpr_at_tpr(known[0], known[1]),
    )


def _reference(nero: NERO, calibration: FeatureBank, ood: FeatureBank | None, tpr: float) -> ReferenceScores:
    scores = float64(nero.predict_features(calibration.features)).cpu()
    ood_scores = None if ood is None else float64(nero.predict_features(ood.features)).cpu()
    return reference_scores(NAME, scores, ood_scores, (calibration, ood), tpr)


def _shown_terms(nero: NERO, terms: NeroTerms, features: Float[Tensor, "1 neurons"]) -> dict[str, Tensor]:
    """The parts of the score, and besides them what the lesson shows of the way there."""
    names = ("distance", "bias", "scale", "nearest", "share", "relevance")
    parts = {name: getattr(terms, name).cpu() for name in names}
    return parts | {"bias_relevance": nero.bias_relevance(features).cpu(), "distances": nero.distances(features).cpu()}
