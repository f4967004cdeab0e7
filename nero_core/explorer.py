"""What a researcher asks beyond one verdict: channels in depth, maps of the reference set, other settings."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import get_args

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from nero_core.calibration.references import By
from nero_core.calibration.thumbnail_references import ThumbnailReferences
from nero_core.calibration.what_if import WhatIfs, settings_of
from nero_core.data.decode import THUMBNAIL_LIMITS, Picture, decode_image, small_picture
from nero_core.errors import BundleError, ImageError, NeroError
from nero_core.explain.channel_statistics import measure_channels
from nero_core.explain.class_output import class_outputs, logit_gradient
from nero_core.explain.concept_depth import class_distribution, co_used, nonzero_channels, receptive_crop
from nero_core.explain.concepts import describe_concepts
from nero_core.explain.drawn_text import find_text
from nero_core.explain.evidence import describe_missing
from nero_core.explain.faithfulness import measure_faithfulness
from nero_core.explain.mean_relevance import compare_mean_relevance
from nero_core.explain.picture_check import check_picture, measure_pictures
from nero_core.explain.relevance_map import Kind, Layout, acquired, lay_out, nearest_images
from nero_core.explain.similar import NEAR, near_limit, nearest_features
from nero_core.inspector import REFERENCES, Inspector, check_index
from nero_core.relevance.concept import conditions
from nero_core.types import (
    ChannelReferences,
    ChannelStatistics,
    ChannelSummary,
    ConceptDepth,
    DrawnText,
    Faithfulness,
    ImageBatch,
    MapPlace,
    MeanRelevance,
    MissingConcept,
    Observation,
    OodOnMap,
    PictureMeasure,
    RelevanceMap,
    SimilarCases,
    WhatIf,
    WhatIfSettings,
)

PICTURES = 1000  # reference images whose light and colour are measured: the first verdict waits for it
UPSTREAM = 5  # channels of the stage before


class Explorer:
    """Looks inside a bundle, channel by channel. Safe to share between threads.

    It stands on an ``Inspector`` and shares its models, its fits and its lock; what takes long is made once and kept.

    Args:
        inspector: of the bundle to look into.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self._lock = threading.Lock()
        self._what_ifs = WhatIfs(inspector.bundle)
        self._statistics: ChannelStatistics | None = None
        self._ood_relevance: Float[Tensor, "ood neurons"] | None = None
        self._layouts: dict[Kind, Layout] = {}
        self._ood_on_maps: dict[Kind, OodOnMap] = {}
        self._measuring = threading.Lock()  # what is made once; others wait for it
        self._laying: dict[Kind, threading.Lock] = {kind: threading.Lock() for kind in get_args(Kind)}
        self._references: ThumbnailReferences | None = None
        self._mean_relevance: MeanRelevance | None = None
        self._pictures: dict[str, Float[np.ndarray, " images"]] | None = None
        self._near: float | None = None

    @property
    def settings(self) -> WhatIfSettings:
        """The settings of NERO that the bundle itself is fitted and calibrated with."""
        return settings_of(self.inspector.bundle.card, self.inspector.bundle.classifier.head)

    def what_if(self, observation: Observation, settings: WhatIfSettings, index: int = 0) -> WhatIf:
        """NERO under other settings, from the banks, without a forward pass; ``settings`` are the bundle's own.

        Args:
            observation: with the image.
            settings: k, share of components, ε, norm and tpr.
            index: which image of the observation.

        Raises:
            CalibrationError: a setting is outside its range, or the bundle cannot be fitted or calibrated with it.
            RelevanceError: the relevance of the image is not finite.
            NeroError: the index is outside the observation.
        """
        check_index(index, len(observation))
        return self._what_ifs.score(observation, settings, index)

    def mean_relevance(self) -> MeanRelevance:
        """Mean relevance of every channel over the calibration bank (ID) and the OOD bank, neither fitted on."""
        if self._mean_relevance is None:  # two threads may both make it: it is the same, and takes milliseconds
            bundle, nero = self.inspector.bundle, self.inspector.nero()
            self._mean_relevance = compare_mean_relevance(
                (bundle.calibration.features, bundle.calibration.labels, len(bundle.card.class_names)),
                None
                if bundle.ood is None or not len(bundle.ood)
                else (bundle.ood.features, bundle.ood.labels, len(bundle.card.ood_class_names)),
                bundle.classifier.head,
                nero.epsilon,
            )
        return self._mean_relevance

    @property
    def has_stored_references(self) -> bool:
        """True when the bundle keeps the references of all channels with their heatmaps."""
        return self.inspector.bundle.references is not None

    def concept(
        self, batch: ImageBatch | Observation, channel: int, index: int = 0, composite: str | None = None
    ) -> ConceptDepth:
        """One channel in one image, in depth. A channel that the image does not use has relevance 0 and a heatmap of 0.

        Args:
            batch: images, or an observation that keeps them, which saves the plain model's forward pass.
            channel: channel number.
            index: which of the images.
            composite: name among ``inspector.concept_composites``; the first of them where None. References keep the
                composite that made them.

        Raises:
            RelevanceError: the architecture has no honest heatmap, or the image's relevance is not finite.
            NeroError: the channel or the index does not exist, or an observation keeps no images.
        """
        self._check_channel(channel)
        check_index(index, len(batch))
        inspector = self.inspector
        attributor = inspector.attributor(composite)
        pixels, observation = inspector.observe_one(batch, index)
        compared = inspector.channels(observation)
        initial_relevance = conditions(compared.relevance, (channel,))
        heatmaps = attributor.heatmaps(pixels, initial_relevance)
        fit = inspector.bundle.fit
        (concept,) = describe_concepts(compared, (channel,), heatmaps, inspector.fit_relevance(), fit.ids, REFERENCES)
        return ConceptDepth(
            concept=concept,
            crop=receptive_crop(heatmaps.maps[0], attributor.sigma),
            summary=self.summary(channel),
            upstream=nonzero_channels(attributor.upstream_channels(pixels, initial_relevance[0], UPSTREAM)),
            composite=attributor.composite,
            sigma=attributor.sigma,
        )

    def faithfulness(
        self,
        batch: ImageBatch | Observation,
        index: int = 0,
        composite: str | None = None,
        seed: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Faithfulness:
        """Whether the predicted class's probability and logit hang on the patches that its heatmap calls relevant.

        Some 370 forward passes of the plain model, which no hook touches: half of them with patches blurred away, half
        with patches filled in from what is around them. Seconds to half a minute on a CPU.

        Args:
            batch: images, or an observation that keeps them, which saves one of the passes.
            index: which of them.
            composite: name among ``inspector.composites``; the architecture's default where None.
            seed: of the random orders.
            on_progress: called with the number of images passed and the number in all; what it raises ends the
                measurement and comes through.

        Raises:
            RelevanceError: the architecture or the image has no honest heatmap, or the heatmap is zero everywhere.
            NeroError: the index is outside the batch, or an observation keeps no images.
        """
        pixels, observation = self.inspector.observe_one(batch, index)
        why = self.inspector.explain(observation, concepts=0, composite=composite, with_unlikeness=False)
        classifier, target = self.inspector.bundle.classifier, why.explained_class
        by_composite = measure_faithfulness(
            class_outputs(classifier, target),
            pixels,
            {why.composite: why.heatmap},
            logit_gradient(classifier, pixels, target),
            target,
            seed=seed,
            on_progress=on_progress,
        )
        return by_composite[why.composite]

    def missing_evidence(self, observation: Observation, index: int = 0, count: int = 4) -> tuple[MissingConcept, ...]:
        """The channels of less relevance than usual that add most to the distance, with reference images; no backward
        pass. Some are missing in the image, others speak against in it, see ``MissingConcept``.

        Raises:
            RelevanceError: the relevance of the image is not finite.
            NeroError: the index is outside the observation.
        """
        inspector = self.inspector
        compared = inspector.channels(observation, index)
        return describe_missing(compared, inspector.fit_relevance(), inspector.bundle.fit.ids, count)

    def check_picture(self, picture: Picture) -> tuple[PictureMeasure, ...]:
        """Light, contrast, sharpness, colour and shape of a picture against those of the fit images, both made small.

        The fit images' own are measured once, from the bundle's small pictures, or from every n-th where there are more
        than ``PICTURES``; those that are missing or altered are left out, and where all are, nothing is said.
        """
        if self._pictures is None:  # two threads may both measure: it is the same
            self._pictures = measure_pictures(self._fit_pictures())
        if not len(self._pictures["light"]):
            return ()
        return check_picture(_pixels(small_picture(picture)), self._pictures)

    def drawn_text(self, picture: Picture) -> DrawnText | None:
        """Where something like text is drawn in a picture; None where nothing is found, see ``find_text``."""
        return find_text(picture.pixels)

    def _fit_pictures(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        ids = self.inspector.bundle.fit.ids
        for image_id in ids[:: math.ceil(len(ids) / PICTURES)]:
            with suppress(BundleError, ImageError):
                yield _pixels(self.inspector.thumbnail(image_id))

    def similar(self, observation: Observation, index: int = 0, count: int = 5) -> SimilarCases:
        """The fit images nearest to an image by the angle between features, and whether they are near at all.

        Raises:
            NeroError: the index is outside the observation.
        """
        check_index(index, len(observation))
        bundle = self.inspector.bundle
        if self._near is None:  # two threads may both find it: it is the same
            self._near = near_limit(bundle.fit.features, bundle.calibration.features)
        rows, distances = nearest_features(observation.features[index], bundle.fit.features, count)
        ids = tuple(bundle.fit.ids[row] for row in rows.tolist())
        classes = tuple(self.inspector.reference_class(image_id) for image_id in ids)
        return SimilarCases(ids, classes, tuple(distances.tolist()), self._near, NEAR)

    def summary(self, channel: int) -> ChannelSummary:
        """One channel in the fit bank: its references, its relevance in each ID class, what it is used with.

        Raises:
            NeroError: the channel does not exist.
        """
        self._check_channel(channel)
        bundle = self.inspector.bundle
        relevance = self.inspector.fit_relevance()
        return ChannelSummary(
            channel=channel,
            by_relevance=self.references(channel, "relevance"),
            by_activation=self.references(channel, "activation"),
            class_relevance=class_distribution(
                relevance[:, channel], bundle.fit.labels.cpu(), len(bundle.card.class_names)
            ),
            weights=bundle.classifier.head.weight[:, channel].cpu(),
            co_used=co_used(relevance, channel),
            ood_relevance=self._in_ood_images(channel),
        )

    def references(self, channel: int, by: By = "relevance") -> ChannelReferences:
        """The fit images that use one channel most, each with its own conditional heatmap.

        They come from the bundle where it keeps them. Else the heatmaps are made now, from the bundle's small pictures
        since it has no others, which takes about a second, and kept for the last channels that were asked for.

        Args:
            channel: channel number.
            by: "relevance" (RelMax) or "activation" (ActMax).

        Raises:
            NeroError: the channel or the order does not exist, or a small picture is missing in the bundle.
        """
        self._check_channel(channel)
        if by not in get_args(By):
            raise NeroError(f"Expected references by {' or '.join(get_args(By))}. Found {by!r}. Choose one of these.")
        inspector, stored = self.inspector, self.inspector.bundle.references
        if stored is not None:
            fit = inspector.bundle.fit
            relevance, activation = inspector.fit_relevance()[:, channel], fit.features[:, channel].cpu()
            return stored.of_channel(channel, by, fit.ids, relevance, activation)
        with self._lock:
            if self._references is None:
                attributor = inspector.attributor() if inspector.composites else None
                self._references = ThumbnailReferences(inspector.bundle, inspector.fit_relevance(), attributor)
        return self._references.of_channel(channel, by)

    def statistics(self) -> ChannelStatistics:
        """Statistics of every channel: mean relevance in each class, class selectivity, OOD separation; made once.

        Raises:
            RelevanceError: relevance of a bank is not finite.
        """
        with self._measuring:
            if self._statistics is None:
                bundle = self.inspector.bundle
                labels, classes = bundle.fit.labels.cpu(), len(bundle.card.class_names)
                calibration = self.inspector.bank_relevance(bundle.calibration)
                ood = self._of_ood_images()
                self._statistics = measure_channels(self.inspector.fit_relevance(), labels, classes, calibration, ood)
            return self._statistics

    def relevance_map(self, kind: Kind = "pca", on_progress: Callable[[int, int], None] | None = None) -> RelevanceMap:
        """The relevance vectors of all fit images in the plane; made once. UMAP takes some seconds, PCA none.

        Args:
            kind: of the map.
            on_progress: told of UMAP's epochs, see ``lay_out``; what it raises ends the work and comes through.

        Raises:
            RelevanceError: the vectors are all alike, not finite, or too few for UMAP.
        """
        layout, fit = self._layout(kind, on_progress), self.inspector.bundle.fit
        return RelevanceMap(kind, layout.coordinates, fit.labels.cpu(), fit.ids, layout.explained)

    def has_map(self, kind: Kind) -> bool:
        """Whether the map is made, so that nothing waits for it."""
        return kind in self._layouts

    def place(
        self,
        observation: Observation,
        kind: Kind = "pca",
        index: int = 0,
        neighbours: int = 8,
        patience: float | None = None,
    ) -> MapPlace:
        """Where one image lies on the map, and the fit images nearest to it by the distance of NERO's score.

        Args:
            observation: with the image.
            kind: of the map, which is made where it is not.
            index: which image of the observation.
            neighbours: how many of the nearest.
            patience: seconds to wait while UMAP lays out a map, which it does one at a time; to its end where None.

        Raises:
            RelevanceError: the relevance of the image is not finite, or there is no map.
            NeroError: the index is outside the observation.
            BusyError: UMAP lays out a map, and the patience is over.
        """
        check_index(index, len(observation))  # before a map that takes seconds
        layout = self._layout(kind, patience=patience)
        point = self._project(self.inspector.channels(observation, index).relevance)
        rows, distances = nearest_images(point, self._project(self.inspector.fit_relevance()), neighbours)
        ids = self.inspector.bundle.fit.ids
        return MapPlace(layout.place(point[None], patience)[0], tuple(ids[row] for row in rows), distances)

    def ood_on_map(self, kind: Kind = "pca", patience: float | None = None) -> OodOnMap | None:
        """Where the images of the OOD bank lie on the map, which none of them has shaped; placed once.

        Args:
            kind: of the map, which is made where it is not.
            patience: as of ``place``.

        Returns:
            None where the bundle has no OOD images.

        Raises:
            RelevanceError: the relevance of an image is not finite, or there is no map.
            BusyError: UMAP lays out a map, and the patience is over.
        """
        ood, relevance = self.inspector.bundle.ood, self._of_ood_images()
        if ood is None or relevance is None:
            return None
        if kind not in self._ood_on_maps:  # two threads may both make it: it is the same
            places = self._layout(kind, patience=patience).place(self._project(relevance), patience)
            self._ood_on_maps[kind] = OodOnMap(places, ood.labels.cpu(), ood.ids)
        return self._ood_on_maps[kind]

    def _of_ood_images(self) -> Float[Tensor, "ood neurons"] | None:
        ood = self.inspector.bundle.ood
        if self._ood_relevance is None and ood is not None:  # two threads may both make it: it is the same
            self._ood_relevance = self.inspector.bank_relevance(ood)
        return self._ood_relevance

    def _in_ood_images(self, channel: int) -> tuple[Float[Tensor, " _"], ...]:
        bundle, relevance = self.inspector.bundle, self._of_ood_images()
        if bundle.ood is None or relevance is None:
            return ()
        return class_distribution(relevance[:, channel], bundle.ood.labels.cpu(), len(bundle.card.ood_class_names))

    def _layout(
        self, kind: Kind, on_progress: Callable[[int, int], None] | None = None, patience: float | None = None
    ) -> Layout:
        if kind not in self._laying:
            raise NeroError(f"Expected a map by {' or '.join(self._laying)}. Found {kind!r}. Choose one of these.")
        if kind not in self._layouts:
            with acquired(self._laying[kind], patience):  # who asks for PCA does not wait for UMAP
                if kind not in self._layouts:
                    points = self._project(self.inspector.fit_relevance())
                    self._layouts[kind] = lay_out(points, kind, on_progress=on_progress)
        return self._layouts[kind]

    def _project(self, relevance: Float[Tensor, "*images neurons"]) -> Float[Tensor, "*images components"]:
        """P(r): relevance in the space in which NERO measures."""
        components = self.inspector.nero().components
        assert components is not None
        return relevance @ components.T.cpu()

    def _check_channel(self, channel: int) -> None:
        neurons = self.inspector.bundle.classifier.head.neurons
        if not 0 <= channel < neurons:
            raise NeroError(
                f"Expected a channel number from 0 to {neurons - 1}. Found {channel}. Choose one of the model's "
                f"{neurons} channels."
            )


def _pixels(webp: bytes) -> UInt8[np.ndarray, "height width 3"]:
    return decode_image(webp, "reference image", THUMBNAIL_LIMITS).pixels
