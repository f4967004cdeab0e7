"""Observed features on the disk, part by part, so that a benchmark that is killed goes on where it stood.

A part's file is named by everything that its values depend on: the model, the preprocessing, the libraries, and the
sha256 of each image. Change one of them, and the name is another. What was cut short or altered is observed again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nero_core.atomic import new_file
from nero_core.benchmark.records import LIBRARIES
from nero_core.calibration.bundle import Bundle
from nero_core.calibration.feature_bank import FeatureBank, ImageScore, observe_bank
from nero_core.calibration.held_out import Progress
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, iterate_batches
from nero_core.detectors.catalog import DETECTORS
from nero_core.device import describe_device
from nero_core.errors import ImageError
from nero_core.models.checkpoint import WEIGHTS
from nero_core.version import versions

PART = 64  # images a file: a few seconds on a CPU are the most that a kill costs
BATCH = 32  # images a forward pass
FORMAT = 1  # raised whenever decoding or the forward pass gives other values for the same file
FEATURES = "features"
STAGES = "stages"  # of all stages, side by side
_VALUES = "values"


class ObservationCache:
    """The parts of one model and one preprocessing.

    Args:
        folder: where the files are; made when the first is written.
        settings: everything but the images that the values depend on.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = dict(settings)

    @classmethod
    def for_bundle(cls, folder: Path, bundle: Bundle, device: str | None = None) -> "ObservationCache":
        """The cache of a bundle's model and preprocessing on the device that it is on, or on another by its name."""
        classifier = bundle.classifier
        return cls(
            folder,
            {
                "model": bundle.card.files[WEIGHTS],
                "arch": bundle.card.arch,
                "input_size": list(classifier.input_size),
                "mean": list(classifier.mean),
                "std": list(classifier.std),
                "format": FORMAT,
                "device": device or describe_device(classifier.device),
                "made_with": versions(LIBRARIES),
            },
        )

    def load(self, kind: str, ids: Sequence[str], width: int | None) -> Tensor | None:
        """The values of these images, or None where they are not there whole.

        Args:
            kind: ``features``, ``stages``, or the method whose scores they are.
            ids: sha256 of each image.
            width: number of features, or of the channels of all stages; None for scores, one number an image.
        """
        key = self._key(kind, ids)
        try:
            with safe_open(self._path(kind, key), framework="pt") as file:
                known = file.metadata() or {}
                values: Tensor = file.get_tensor(_VALUES)
        except (OSError, SafetensorError, ValueError, KeyError):
            return None
        shape = (len(ids),) if width is None else (len(ids), width)
        dtype = torch.float64 if width is None else torch.float32
        if values.shape != shape or values.dtype != dtype or known.get("key") != key:
            return None
        return values if known.get("content") == _content(values) else None

    def save(self, kind: str, ids: Sequence[str], values: Tensor) -> None:
        """Keep the values of these images, whole or not at all."""
        key = self._key(kind, ids)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(kind, key)
        values = values.contiguous()
        with new_file(path) as part:
            save_file({_VALUES: values}, part, {"key": key, "content": _content(values)})

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / f"{kind}-{key[:32]}.safetensors"

    def _key(self, kind: str, ids: Sequence[str]) -> str:
        hyper = (
            {} if kind in (FEATURES, STAGES) else {name: str(value) for name, value in DETECTORS[kind].defaults.items()}
        )
        parts = {**self.settings, "kind": kind, "hyper": hyper, "ids": list(ids)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def observe_cached(
    bundle: Bundle,
    images: ImageFolder,
    digests: Sequence[str],
    cache: ObservationCache,
    image_scores: Mapping[str, ImageScore],
    stage: str,
    report: Progress,
) -> FeatureBank:
    """One forward pass over the images that the cache does not have, and a bank of all of them.

    Args:
        bundle: whose classifier observes.
        images: a dataset.
        digests: sha256 of each of its files.
        cache: where parts are kept.
        image_scores: methods that look at the image once more.
        stage: name for ``report``.
        report: told (stage, done, total).

    Raises:
        ImageError: an image cannot be decoded, or was changed meanwhile.
    """
    stages, widths = stage_widths(bundle), kind_widths(bundle)
    parts: list[dict[str, Tensor]] = []
    report(stage, 0, len(images))
    for start in range(0, len(images), PART):
        chosen = range(start, min(start + PART, len(images)))
        ids = [digests[index] for index in chosen]
        cached = {kind: cache.load(kind, ids, widths.get(kind)) for kind in (*widths, *image_scores)}
        part = {kind: values for kind, values in cached.items() if values is not None}
        if len(part) < len(cached):
            wanted = {name: score for name, score in image_scores.items() if name not in part}
            tell = _after(start, stage, len(images), report)
            observed = observe_part(bundle, images.select(chosen), ids, wanted, tell)
            for kind in cached.keys() - part.keys():
                cache.save(kind, ids, observed[kind])
            part = observed | part
        parts.append(part)
        report(stage, chosen.stop, len(images))
    together = {kind: torch.cat([part[kind] for part in parts]) for kind in (*widths, *image_scores)}
    return FeatureBank(
        together[FEATURES],
        torch.tensor(images.labels, dtype=torch.int64),
        tuple(digests),
        MappingProxyType({name: together[name] for name in image_scores}),
        MappingProxyType(dict(zip(stages, together[STAGES].split(list(stages.values()), dim=1), strict=True)))
        if stages
        else MappingProxyType({}),
    )


def stage_widths(bundle: Bundle) -> dict[str, int]:
    """Channels of each stage."""
    return {name: means.shape[1] for name, means in bundle.fit.stages.items()}


def kind_widths(bundle: Bundle) -> dict[str, int]:
    """Columns of what is cached of each image, by kind; scores, one number an image, are no part of it."""
    stages = sum(stage_widths(bundle).values())
    return {FEATURES: bundle.classifier.head.neurons, **({STAGES: stages} if stages else {})}


def observe_part(
    bundle: Bundle,
    images: ImageFolder,
    ids: Sequence[str],
    image_scores: Mapping[str, ImageScore],
    tell: Callable[[int], None] | None = None,
    threads: int = 2,
) -> dict[str, Tensor]:
    """Features and scores of one part, by kind.

    Raises:
        ImageError: an image cannot be decoded, or was changed meanwhile.
    """
    batches = iterate_batches(images, bundle.classifier.input_size, BATCH, threads)
    bank = observe_bank(bundle.classifier, batches, tell, image_scores)
    for path, expected, observed in zip(images.paths, ids, bank.ids, strict=True):
        if observed != expected:
            raise ImageError(
                f"{file_name(path.name)}: expected a file that stays as it is; found other bytes than at the start. "
                "Start again when nothing writes to the folder."
            )
    stages = {STAGES: torch.cat([bank.stages[name] for name in bundle.fit.stages], dim=1)} if bundle.fit.stages else {}
    return {FEATURES: bank.features, **stages, **bank.scores}


def _after(start: int, stage: str, total: int, report: Progress) -> Callable[[int], None]:
    return lambda done: report(stage, start + done, total)


def _content(values: Tensor) -> str:
    return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()
