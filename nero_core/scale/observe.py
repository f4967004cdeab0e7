"""Features of whole datasets on many workers: for ``nero calibrate`` and for the cache of ``nero benchmark``."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from nero_core.benchmark.cache import PART, ObservationCache, kind_widths, observe_part
from nero_core.calibration import Bundle
from nero_core.calibration.feature_bank import FeatureBank, observe_bank, second_pass_scores
from nero_core.calibration.held_out import Progress
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, iterate_batches
from nero_core.device import pick_device
from nero_core.errors import NeroError
from nero_core.models.checkpoint import load_checkpoint, round_to_half
from nero_core.models.classifier import Classifier
from nero_core.scale.engine import Engine, Work
from nero_core.score_images import BATCH

UNIT = 256  # images of a call; a multiple of BATCH, so that batches are those of one process


@dataclass(frozen=True, slots=True)
class ObserveOn:
    """Makes a bank of a dataset as ``observe_images`` does, of the same batches, on the workers of an engine.

    Args:
        engine: what runs the units.
        checkpoint: folder of the checkpoint, where every worker finds it.
        half: whether weights are rounded to float16.
    """

    engine: Engine
    checkpoint: str
    half: bool

    def __call__(
        self,
        classifier: Classifier,
        images: ImageFolder,
        stage: str,
        report: Progress,
        look_twice: bool = False,
        half: bool = False,
    ) -> FeatureBank:
        """See ``observe_images``.

        Raises:
            ImageError: an image cannot be decoded.
            NeroError: a worker cannot start, or each that got a unit has ended.
        """
        units = [
            (images.select(range(start, min(start + UNIT, len(images)))), look_twice, half)
            for start in range(0, len(images), UNIT)
        ]
        arguments = (self.checkpoint, self.half, self.engine.device, self.engine.threads)
        answers = dict(_answers(self.engine, CheckpointObserver, arguments, units, stage, report))
        parts = [answers[place] for place in range(len(units))]
        scores, stages = (
            {name: torch.cat([part[kind][name] for part in parts]) for name in parts[0][kind]}
            for kind in ("scores", "stages")
        )
        bank = FeatureBank(
            torch.cat([part["features"] for part in parts]),
            torch.tensor(images.labels, dtype=torch.int64),
            tuple(digest for part in parts for digest in part["ids"]),
            MappingProxyType(scores),
            MappingProxyType(stages),
        )
        return bank.to(classifier.device)


class CheckpointObserver:
    """A worker that holds the classifier of a checkpoint."""

    def __init__(self, checkpoint: str, half: bool, device: str, threads: int) -> None:
        self._classifier, _ = load_checkpoint(checkpoint, pick_device(device))
        if half:
            round_to_half(self._classifier.model)
        self._threads = threads

    def __call__(self, unit: tuple[ImageFolder, bool, bool]) -> dict[str, Any]:
        """A bank of a unit, in parts that another process can read."""
        images, look_twice, half = unit
        batches = iterate_batches(images, self._classifier.input_size, BATCH, self._threads)
        twice = second_pass_scores(self._classifier) if look_twice else {}
        bank = observe_bank(self._classifier, batches, None, twice, half)
        return {"features": bank.features, "ids": bank.ids, "scores": dict(bank.scores), "stages": dict(bank.stages)}


@dataclass(frozen=True, slots=True)
class FillOn:
    """Fills a benchmark's cache on the workers of an engine; this process alone writes to it.

    Args:
        engine: what runs the units.
        bundle: folder of the bundle, where every worker finds it.
    """

    engine: Engine
    bundle: str

    @property
    def device(self) -> str:
        """What its workers compute on: features of another device are others in the last digits."""
        return f"workers with {self.engine.device}"

    def __call__(
        self,
        bundle: Bundle,
        images: ImageFolder,
        digests: Sequence[str],
        cache: ObservationCache,
        image_scores: Collection[str],
        stage: str,
        report: Progress,
    ) -> None:
        """See ``Ahead``.

        Raises:
            ImageError: an image cannot be decoded, or was changed meanwhile.
            NeroError: a worker cannot start, or each that got a unit has ended.
        """
        widths = kind_widths(bundle)
        units: list[tuple[ImageFolder, list[str], list[str]]] = []
        for start in range(0, len(images), PART):
            ids = list(digests[start : start + PART])
            kinds = [kind for kind in (*widths, *image_scores) if cache.load(kind, ids, widths.get(kind)) is None]
            if kinds:
                units.append((images.select(range(start, start + len(ids))), ids, kinds))
        arguments = (self.bundle, self.engine.device, self.engine.threads)
        for place, part in _answers(self.engine, BundleObserver, arguments, units, stage, report):
            _, ids, kinds = units[place]
            for kind in kinds:
                cache.save(kind, ids, part[kind])


class BundleObserver:
    """A worker that holds the classifier of a bundle."""

    def __init__(self, bundle: str, device: str, threads: int) -> None:
        self._bundle = Bundle.load(bundle, pick_device(device))
        self._scores = second_pass_scores(self._bundle.classifier)
        self._threads = threads

    def __call__(self, unit: tuple[ImageFolder, list[str], list[str]]) -> dict[str, Tensor]:
        """Features, stages and scores of one part of the cache, by kind."""
        images, ids, kinds = unit
        wanted = {name: score for name, score in self._scores.items() if name in kinds}
        return observe_part(self._bundle, images, ids, wanted, threads=self._threads)


def _answers(
    engine: Engine,
    make: Callable[..., Work],
    arguments: tuple[Any, ...],
    units: Sequence[tuple[ImageFolder, Any, Any]],
    stage: str,
    report: Progress,
) -> Iterator[tuple[int, Any]]:
    """The answers as they come; each unit must have its own, since a figure on a part of a set is another figure."""
    total, done, missing = sum(len(images) for images, _, _ in units), 0, set(range(len(units)))
    report(stage, 0, total)
    for place, answer in engine.map(make, arguments, units):
        yield place, answer
        missing.discard(place)
        done += len(units[place][0])
        report(stage, done, total)
    if missing:
        path = units[min(missing)][0].paths[0]
        raise NeroError(
            f"Expected workers that observe all images. Found that each one that was given {file_name(path.name)} and "
            f"the {len(units[min(missing)][0]) - 1} after it ended, most often for want of memory. Give workers more "
            "memory, or leave these images out."
        )
