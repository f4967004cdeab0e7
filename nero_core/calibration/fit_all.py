"""Fits on all images of a set that is too large to be held, of which the bundle keeps a sample."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.held_out import Observe, Progress, observe_images
from nero_core.calibration.spill import Spill
from nero_core.data.folders import ImageFolder
from nero_core.detectors import batch_sums, fit_streamed
from nero_core.detectors.detector import State
from nero_core.models.classifier import Classifier
from nero_core.models.stages import stage_channels, stage_names

_AT_ONCE = 4096  # images observed in one go: their features are in memory together; a multiple of a batch


def fit_on_all(
    classifier: Classifier,
    images: ImageFolder,
    chosen: Sequence[int],
    folder: Path,
    report: Progress,
    half: bool = False,
    observe: Observe = observe_images,
) -> tuple[FeatureBank, State]:
    """One forward pass over all images; then the sums of the methods that need only sums, in two passes over features.

    Memory holds some thousand images and the sample, whatever the number of images. A second forward pass would cost
    what the first did, so that the features wait on the disk: see `Spill`.

    Args:
        classifier: as it will be stored.
        images: all fit images.
        chosen: the sample, sorted indices into ``images``.
        folder: on whose disk the features wait.
        report: told ("fit images", done, total), and ("fit", …) of the passes.
        half: round the features to float16, as they will be stored.
        observe: makes a bank of some of the images.

    Returns:
        The bank of the sample, and what was found on all images; see `fit_streamed`.

    Raises:
        BundleError: there is no room for the features.
        CalibrationError: as `fit_streamed`.
        ImageError: an image cannot be decoded.
    """
    channels = stage_channels(classifier.model)
    stages = {name: channels[name] for name in stage_names(classifier.model)}
    with closing(Spill(folder, classifier.head.neurons, stages, len(images))) as spill:
        bank = _observe(classifier, images, chosen, spill, report, half, observe)
        total, done = 2 * len(images), 0

        def read() -> Iterator[tuple[Tensor, Tensor]]:
            nonlocal done
            for x, y in spill.read(images.labels):
                yield x, y
                done += len(y)
                report("fit", done, total)

        state = fit_streamed(classifier.head, stages, partial(batch_sums, read))
    return bank.to(classifier.device), MappingProxyType({name: values.cpu() for name, values in state.items()})


def _observe(
    classifier: Classifier,
    images: ImageFolder,
    chosen: Sequence[int],
    spill: Spill,
    report: Progress,
    half: bool,
    observe: Observe,
) -> FeatureBank:
    """The bank of the chosen images, while the features of all go to the disk."""
    is_chosen = torch.zeros(len(images), dtype=torch.bool)
    is_chosen[list(chosen)] = True
    features: list[Tensor] = []
    stages: dict[str, list[Tensor]] = {}
    ids: list[str] = []
    for start in range(0, len(images), _AT_ONCE):
        piece = images.select(range(start, min(start + _AT_ONCE, len(images))))
        tell = partial(_tell, report, start, len(images))
        bank = observe(classifier, piece, "fit images", tell, half=half).to(torch.device("cpu"))
        spill.write(bank.features, bank.stages)
        rows = is_chosen[start : start + len(piece)]
        features.append(bank.features[rows])
        for name, values in bank.stages.items():
            stages.setdefault(name, []).append(values[rows])
        ids.extend(bank.ids[row] for row in rows.nonzero().flatten().tolist())
    return FeatureBank(
        torch.cat(features),
        torch.tensor(images.labels)[is_chosen],
        tuple(ids),
        stages=MappingProxyType({name: torch.cat(parts) for name, parts in stages.items()}),
    )


def _tell(report: Progress, before: int, total: int, stage: str, done: int, some: int) -> None:
    """Of a part what it is of all."""
    report(stage, before + done, total)
