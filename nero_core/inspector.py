"""The one object that the screen and the command line hold."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.by_class import Calibration, detect_by_class, reference_scores_of_class
from nero_core.calibration.detection import detect_by_scores, reference_scores, score_in_terms
from nero_core.calibration.feature_bank import FeatureBank, bank_scores, detector_input
from nero_core.calibration.threshold import check_borderline
from nero_core.calibration.verdict import JointTest, earliest
from nero_core.data.decode import Picture, decode_batch
from nero_core.detectors.catalog import DETECTORS
from nero_core.detectors.detector import Detector
from nero_core.device import describe_device, float64, pick_device
from nero_core.errors import CalibrationError, NeroError, RelevanceError
from nero_core.explain.channels import Order, compare_channels, top_channels
from nero_core.explain.concepts import describe_concepts, joint_conservation
from nero_core.explain.evidence import initial_evidence_relevance
from nero_core.explain.unlike import where_unlike
from nero_core.relevance.head import initial_class_relevance, neuron_relevance
from nero_core.relevance.heatmap import Attributor, conditions
from nero_core.relevance.integrated_gradients import integrated_gradients, logit_path
from nero_core.shipped import default_bundle
from nero_core.types import (
    LAST_STAGE,
    TESTS,
    VERDICT,
    BlockConservation,
    Channels,
    Detection,
    Explanation,
    ImageBatch,
    Observation,
    ReferenceScores,
    Stages,
    Unlikeness,
)

if TYPE_CHECKING:
    from nero_core.detectors.nero import NERO

REFERENCES = 8  # reference images a concept, as the figures of the CRP paper show


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A detector fitted on the bundle, with its scores over the banks."""

    detector: Detector
    calibration: Float[Tensor, " calibration"]
    ood: Float[Tensor, " ood"] | None


class Inspector:
    """Decodes, observes, detects and explains with one bundle. Safe to share between threads.

    A plain model does the forward passes; no hook ever touches it. Heatmaps come from an attribution copy, one for each
    composite that is asked for, made at its first explanation, kept, and used under its own lock.

    Args:
        bundle: a loaded bundle.
        device: where the bundle's model and banks are.
    """

    def __init__(self, bundle: Bundle, device: torch.device) -> None:
        self.bundle = bundle
        self.device = device
        self._lock, self._copying = threading.Lock(), threading.Lock()
        self._fitted: dict[str, _Fitted] = {}
        self._fitting: dict[str, threading.Lock] = {}
        self._attributors: dict[str, Attributor] = {}
        self._fit_relevance: Float[Tensor, "images neurons"] | None = None
        self._fit_classes: dict[str, str] | None = None
        self._joint: JointTest | None = None

    @classmethod
    def load(cls, path: str | Path | None = None, device: str = "auto") -> "Inspector":
        """Load a bundle; ``auto`` is CUDA where there is one, then MPS, then the CPU.

        Args:
            path: the bundle's folder; the demo that came with this installation where None.
            device: where to compute.

        Raises:
            BundleError: the bundle is missing, altered, of another schema, or its parts do not fit.
            NeroError: the device is not on this machine.
        """
        where = pick_device(device)
        return cls(Bundle.load(default_bundle() if path is None else path, where), where)

    @property
    def device_name(self) -> str:
        """The device in words."""
        return describe_device(self.device)

    def decode(self, sources: Sequence[str | Path | bytes | Picture], names: Sequence[str] | None = None) -> ImageBatch:
        """Files, or pictures that are decoded already, to pixels at the classifier's input size.

        Raises:
            ImageError: a file cannot be decoded; the message names it.
        """
        return decode_batch(sources, self.bundle.classifier.input_size, names)

    def observe(self, batch: ImageBatch) -> Observation:
        """The one forward pass; all detectors and plots work from what it returns, and heatmaps begin with it."""
        return self.bundle.classifier.observe(batch)

    def observe_one(
        self, batch: ImageBatch | Observation, index: int = 0
    ) -> tuple[Float[Tensor, "1 3 height width"], Observation]:
        """The pixels of one image and its observation; a forward pass of it where ``batch`` is no observation.

        Raises:
            NeroError: the index is outside the batch, or an observation keeps no images.
        """
        check_index(index, len(batch))
        observation = self._observed(batch.select(index))
        if observation.images is None:
            raise NeroError(
                "Expected images, or an observation that keeps them: a heatmap needs the pixels. Found features only. "
                "Observe the image again."
            )
        return observation.images.pixels, observation

    def detect(
        self,
        batch: ImageBatch | Observation,
        methods: Sequence[str] = ("nero",),
        tpr: float | None = None,
        borderline: float | None = None,
        by_class: bool = False,
    ) -> dict[str, Detection]:
        """Score a batch with each method, against the threshold that accepts ``tpr`` of ID images.

        Args:
            batch: images, or an observation of them, which saves the forward pass. A method that looks at the image
                once more (``needs == "image"`` in the catalog) asks for images, or an observation that keeps them.
            methods: names of ``DETECTORS``, or ``verdict``, which tests by two of them at one joint level.
            tpr: share of ID images that should pass, in (0, 1); the bundle's own where None.
            borderline: share of ID images that should be called like, in [0, tpr]; ``2·tpr − 1`` where None.
            by_class: hold each image against the calibration images of its predicted class alone, see
                `nero_core.calibration.by_class`; a class with too few of them rejects nothing.

        Raises:
            NeroError: an unknown method, or one that needs the images and got features only.
            CalibrationError: too few calibration images for ``tpr``, a method that cannot fit this bundle, or a
                ``borderline`` outside its range.
        """
        observation = self._observed(batch)
        tpr = self.bundle.card.tpr if tpr is None else tpr
        check_borderline(borderline, tpr)
        detections = {}
        for name in methods:
            found = self._verdict(observation, tpr) if name == VERDICT else self._detect(name, observation, tpr)
            if by_class:
                found = detect_by_class(found, self._calibration(name), self._predicted(self.bundle.calibration))
            detections[name] = replace(found, borderline=borderline)
        return detections

    def channels(self, batch: ImageBatch | Observation, index: int = 0) -> Channels:
        """Every channel of one image against the class centroids: no backward pass, for any architecture.

        Raises:
            NeroError: the index is outside the batch.
            RelevanceError: the relevance is not finite.
        """
        check_index(index, len(batch))
        observation = self._observed(batch)
        nero = self.nero()
        terms = nero.terms(observation.features[index : index + 1])
        return compare_channels(terms.relevance[0], nero.means, int(terms.nearest[0]), terms.contribution[0])

    def explain(
        self,
        batch: ImageBatch | Observation,
        index: int = 0,
        concepts: int = 8,
        by: Order = "contribution",
        explained_class: int | None = None,
        channels: Sequence[int] = (),
        composite: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        with_unlikeness: bool = True,
    ) -> Explanation:
        """Why one image got its NERO score.

        The class heatmap shares out over the pixels what the detail of the image adds to the explained class's logit
        (integrated gradients), or its softmax output by a composite that propagates relevance. Conditional heatmaps
        start from the relevance r_j of their channel (initial relevance: the softmax of all classes), NERO's evidence
        heatmap from the positive shares of over-used channels; both always propagate relevance. All that propagate it
        share one forward pass. Where the image is unlike comes from its patches, see ``unlikeness``.

        Args:
            batch: images, or an observation that keeps them, which saves the plain model's forward pass, but for the
                half one of ``unlikeness``.
            index: which of them.
            concepts: how many channels to show.
            by: the order that picks them: ``contribution`` to the distance or ``relevance``.
            explained_class: class index; the predicted class where None.
            channels: these channels instead, by number; ``concepts`` and ``by`` then play no part.
            composite: one of ``composites``, the first of them where None. It makes the class heatmap, and the others
                too where it is one of ``concept_composites``; else these are made by the first of those.
            on_progress: called with the number of heatmaps that are done and of all: two and one a channel.
            with_unlikeness: make the map of where the image is unlike too; False where nobody looks at it, or where
                ``unlikeness`` has made it already.

        Raises:
            RelevanceError: the architecture or the image has no honest heatmap, the composite does not suit it, or a
                channel is outside the model.
            NeroError: the index or the class is outside the batch or the bundle, or an observation keeps no images.
        """
        pixels, observation = self.observe_one(batch, index)
        compared = self.channels(observation)
        chosen = tuple(channels) or top_channels(compared, concepts, by)
        target = int(observation.predicted[0]) if explained_class is None else explained_class
        name, path = self._class_composite(composite), None
        evidence = initial_evidence_relevance(compared, observation.features[0])
        rows = [evidence, *conditions(compared.relevance, chosen)]
        if name in self.concept_composites:
            rows.insert(0, self._class_relevance(observation, target))
            attributor = self.attributor(name)
        else:
            path = integrated_gradients(self.bundle.classifier, pixels, observation.head.weight[target : target + 1])
            attributor = self.attributor()
            on_progress = None if on_progress is None else _after_one(on_progress)
        initial_relevance = torch.stack(rows)
        heatmaps = attributor.heatmaps(pixels, initial_relevance, on_progress=on_progress)
        class_maps, concept_rows = path or heatmaps, slice(len(rows) - len(chosen), None)
        return Explanation(
            id=observation.ids[0],
            heatmap=class_maps.maps[0],
            explained_class=target,
            conservation=float(class_maps.conservation[0]),
            channels=compared,
            concepts=describe_concepts(
                compared, chosen, heatmaps, self.fit_relevance(), self.bundle.fit.ids, REFERENCES
            ),
            nero_evidence=heatmaps.maps[concept_rows.start - 1],
            evidence_conservation=float(heatmaps.conservation[concept_rows.start - 1]),
            concept_conservation=joint_conservation(initial_relevance[concept_rows], heatmaps.maps[concept_rows]),
            composite=name,
            cancellation=float(class_maps.cancellation[0]),
            evidence_cancellation=float(heatmaps.cancellation[concept_rows.start - 1]),
            sigma=attributor.sigma,
            concept_composite=attributor.composite,
            path=None if path is None else logit_path(path, observation.head.bias[target]),
            unlike=self.unlikeness(observation) if with_unlikeness and not self.no_unlikeness_because else None,
        )

    def unlikeness(self, batch: ImageBatch | Observation, index: int = 0) -> Unlikeness:
        """Where one image is unlike the fit images, patch by patch: half a forward pass, for any architecture.

        Args:
            batch: images, or an observation that keeps them.
            index: which of them.

        Raises:
            NeroError: the bundle keeps no patches, the index is outside the batch, or an observation keeps no images.
        """
        patches, classifier = self.bundle.patches, self.bundle.classifier
        if patches is None:
            raise NeroError(self.no_unlikeness_because)
        check_index(index, len(batch))
        images = batch if isinstance(batch, ImageBatch) else batch.images
        if images is None:
            raise NeroError(
                "Expected images, or an observation that keeps them: the map needs the pixels. Found features only. "
                "Observe the image again."
            )
        pixels = images.pixels[index : index + 1]
        return where_unlike(
            patches, classifier.patches(pixels, tuple(patches.stages)), classifier.input_size, images.ids[index]
        )

    @property
    def no_unlikeness_because(self) -> str:
        """The sentence that says why there is no map of where an image is unlike; empty where there is."""
        if self.bundle.patches is not None:
            return ""
        return (
            "The map of where an image is unlike needs patches of the reference images, which this reference set does "
            "not hold. Make it again with nero calibrate."
        )

    def blocks(
        self,
        batch: ImageBatch | Observation,
        index: int = 0,
        explained_class: int | None = None,
        composite: str | None = None,
    ) -> tuple[BlockConservation, ...]:
        """How much of the class's relevance reaches the output of every block, down to the pixels.

        One more forward and backward pass of the attribution copy, and the arguments and errors of ``explain``; the
        composite is one of ``concept_composites``, the first of them where None.
        """
        pixels, observation = self.observe_one(batch, index)
        target = int(observation.predicted[0]) if explained_class is None else explained_class
        return self.attributor(composite).blocks(pixels, self._class_relevance(observation, target))

    def default_method(self, tpr: float | None = None) -> str:
        """``verdict``, or ``nero_plus`` where the bundle cannot do it at ``tpr``; see ``no_verdict_because``."""
        return "nero_plus" if self.no_verdict_because(tpr) else VERDICT

    def no_verdict_because(self, tpr: float | None = None) -> str:
        """The sentence that says why the bundle has no verdict by two tests; empty where it has.

        Args:
            tpr: share of ID images that should pass, in (0, 1); the bundle's own where None.
        """
        if not self.bundle.fit.stages:
            return (
                "The verdict by two tests needs the stages of the network, which this reference set does not hold. "
                "Make it again with nero calibrate."
            )
        try:
            self._joint_test().threshold(self.bundle.card.tpr if tpr is None else tpr)
        except CalibrationError as reason:
            return str(reason)
        return ""

    def stages(self, batch: ImageBatch | Observation) -> Stages:
        """Channel means of every stage of the network, the features last, and the relevance of the last one.

        Raises:
            RelevanceError: the relevance is not finite.
        """
        observation = self._observed(batch)
        head = observation.head.float64()
        features = float64(observation.features)
        relevance = features * head.weight[observation.predicted]
        return Stages(
            means={**{name: float64(means) for name, means in observation.stages.items()}, LAST_STAGE: features},
            relevance={**dict.fromkeys(observation.stages), LAST_STAGE: relevance},
        )

    def reference_scores(
        self, method: str = "nero", tpr: float | None = None, of_class: int | None = None
    ) -> ReferenceScores:
        """A method's scores over the calibration bank and the OOD bank; raises as ``detect``.

        Args:
            method: name of the method.
            tpr: share of ID images that should pass; the bundle's own where None.
            of_class: class index; only images of which it is predicted then count, as ``detect`` has it by class.
        """
        tpr = self.bundle.card.tpr if tpr is None else tpr
        banks = self.bundle.calibration, self.bundle.ood
        if method == VERDICT:
            joint = self._joint_test()
            joint.threshold(tpr)
            fits = {name: values for name in TESTS if (values := self._fit(name).ood) is not None}
            whole = reference_scores(method, joint.calibration, joint.score(fits) if fits else None, banks, tpr)
        else:
            fitted, fits = self._fit(method), {}
            whole = reference_scores(method, fitted.calibration, fitted.ood, banks, tpr)
        if of_class is None:
            return whole
        ood = None if self.bundle.ood is None else self._predicted(self.bundle.ood) == of_class
        members = self._predicted(self.bundle.calibration) == of_class
        return reference_scores_of_class(whole, self._calibration(method), fits, members, ood)

    def verdict_scores(self, bank: FeatureBank) -> Float[Tensor, " images"]:
        """The score of the verdict by two tests over a bank, on the CPU; of the calibration bank among its own images.

        Raises:
            CalibrationError: the bundle cannot test twice; see ``no_verdict_because``.
        """
        if reason := self.no_verdict_because():
            raise CalibrationError(reason)
        joint = self._joint_test()
        if bank.ids == self.bundle.calibration.ids:
            return joint.calibration
        return joint.score({name: bank_scores(name, self._fit(name).detector, bank) for name in TESTS})

    def thumbnail(self, reference_id: str) -> bytes:
        """The WebP picture of a fit image; BundleError where there is none."""
        return self.bundle.thumbnail(reference_id)

    def reference_class(self, reference_id: str) -> str:
        """The class name of a fit image.

        Raises:
            NeroError: no fit image has this id.
        """
        if self._fit_classes is None:  # two threads may both make it: it is the same
            fit, names = self.bundle.fit, self.bundle.card.class_names
            self._fit_classes = {
                image_id: names[label] for image_id, label in zip(fit.ids, fit.labels.tolist(), strict=True)
            }
        if reference_id not in self._fit_classes:
            raise NeroError(f"Expected the id of a fit image. Found {reference_id[:12]!r}. Reload the page.")
        return self._fit_classes[reference_id]

    def _observed(self, batch: ImageBatch | Observation) -> Observation:
        return self.observe(batch) if isinstance(batch, ImageBatch) else batch

    def _fit(self, name: str) -> _Fitted:
        """The fitted method; threads that ask for it at the same time wait for one fit, others do not."""
        if name not in self._fitted:
            with self._lock:
                fitting = self._fitting.setdefault(name, threading.Lock())
            with fitting:
                if name not in self._fitted:
                    bundle = self.bundle
                    detector = bundle.fitted_detector(name)
                    ood = None if bundle.ood is None else bank_scores(name, detector, bundle.ood)
                    self._fitted[name] = _Fitted(detector, bank_scores(name, detector, bundle.calibration), ood)
        return self._fitted[name]

    def _calibration(self, method: str) -> Calibration:
        return self._joint_test() if method == VERDICT else self._fit(method).calibration

    def _predicted(self, bank: FeatureBank) -> Int[Tensor, " images"]:
        """Of every image of a bank, the class that the classifier predicts."""
        return self.bundle.classifier.head.logits(bank.features).argmax(dim=1).cpu()

    def _detect(self, name: str, observation: Observation, tpr: float) -> Detection:
        fitted = self._fit(name)
        second_pass = DETECTORS[name].second_pass
        features = detector_input(fitted.detector, observation)
        if second_pass is not None:
            if observation.images is None:
                raise NeroError(f"Expected images for {name}, which looks at them once more. Found features only.")
            features = second_pass(self.bundle.classifier, observation.images)
        score, terms = score_in_terms(fitted.detector, features)
        return detect_by_scores(name, score, terms, observation.probabilities, fitted.calibration, tpr)

    def _joint_test(self) -> JointTest:
        if self._joint is None:  # two threads may both make it: it is the same
            deep = self._fit("nero_deep").detector
            _, parts = score_in_terms(deep, detector_input(deep, self.bundle.calibration))
            self._joint = JointTest({name: self._fit(name).calibration for name in TESTS}, earliest(parts))
        return self._joint

    def _verdict(self, observation: Observation, tpr: float) -> Detection:
        detectors = {name: self._fit(name).detector for name in TESTS}
        asked = {
            name: score_in_terms(detector, detector_input(detector, observation))
            for name, detector in detectors.items()
        }
        scores = {name: score for name, (score, _) in asked.items()}
        return self._joint_test().detect(scores, asked["nero_deep"][1], observation.probabilities, tpr)

    def nero(self) -> "NERO":
        """NERO as it is fitted on the bundle."""
        from nero_core.detectors.nero import NERO

        detector = self._fit("nero").detector
        assert isinstance(detector, NERO)
        return detector

    @property
    def composites(self) -> tuple[str, ...]:
        """Names of the ways to make a class heatmap that suit the architecture, its default first; none where no
        heatmap is honest."""
        from nero_core.relevance.composites import composites_for

        try:
            return composites_for(self.bundle.classifier.model)
        except RelevanceError:
            return ()

    @property
    def concept_composites(self) -> tuple[str, ...]:
        """Those of ``composites`` that propagate relevance, and make concept maps and evidence; their default first."""
        from nero_core.relevance.composites import concept_composites_for

        try:
            return concept_composites_for(self.bundle.classifier.model)
        except RelevanceError:
            return ()

    @property
    def no_heatmap_because(self) -> str:
        """The sentence that says why the architecture has no heatmap; empty where it has."""
        from nero_core.relevance.composites import composites_for

        try:
            composites_for(self.bundle.classifier.model)
        except RelevanceError as reason:
            return str(reason)
        return ""

    def attributor(self, composite: str | None = None) -> Attributor:
        """The attribution copy for a composite; each is made when it is first asked for, and kept.

        Args:
            composite: one of ``concept_composites``; the first of them where None.

        Raises:
            RelevanceError: the architecture has no honest heatmap, or the composite does not suit it or makes class
                heatmaps alone.
        """
        from nero_core.relevance.composites import choose_concept_composite

        classifier = self.bundle.classifier
        name = choose_concept_composite(classifier.model, composite)
        with self._copying:  # of its own: a copy takes a while, and scoring does not wait for it
            if name not in self._attributors:
                self._attributors[name] = Attributor(
                    classifier.model, classifier.mean, classifier.std, name, self.device
                )
            return self._attributors[name]

    def fit_relevance(self) -> Float[Tensor, "images neurons"]:
        """Relevance of every channel in every fit image, in the order of ``bundle.fit.ids``; float64 on the CPU."""
        self.nero()  # before the lock, which a fit takes too
        with self._lock:
            if self._fit_relevance is None:
                self._fit_relevance = self.bank_relevance(self.bundle.fit)
            return self._fit_relevance

    def bank_relevance(self, bank: FeatureBank) -> Float[Tensor, "images neurons"]:
        """Relevance of every channel in every image of a bank; float64 on the CPU."""
        nero = self.nero()
        return neuron_relevance(float64(bank.features).to(nero.weight.device), nero.head, nero.epsilon)[0].cpu()

    def _class_composite(self, composite: str | None) -> str:
        from nero_core.relevance.composites import choose_composite  # not before: it imports timm

        return choose_composite(self.bundle.classifier.model, composite)

    def _class_relevance(self, observation: Observation, target: int) -> Float[Tensor, " neurons"]:
        """Relevance of the channels when only the explained class's softmax output starts."""
        initial_relevance = initial_class_relevance(float64(observation.probabilities).cpu(), target)
        nero = self.nero()
        relevance, _ = neuron_relevance(
            float64(observation.features).cpu(), nero.head.to("cpu"), nero.epsilon, initial_relevance
        )
        return relevance[0]


def check_index(index: int, length: int) -> None:
    """See that a batch has this image.

    Raises:
        NeroError: it has not; negative numbers do not count from the end.
    """
    if not 0 <= index < length:
        raise NeroError(f"Expected an image index from 0 to {length - 1}. Found {index}. Choose an image of the batch.")


def _after_one(on_progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Told of the heatmaps that follow one that is done."""
    return lambda done, total: on_progress(done + 1, total + 1)
