"""Fits on all images of a set that is too large to be held, of which the bundle keeps a sample."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from nero_core.calibration.feature_bank import FeatureBank, rounded
from nero_core.calibration.held_out import Progress
from nero_core.calibration.spill import Spill
from nero_core.data.folders import ImageFolder, iterate_batches
from nero_core.detectors import batch_sums, fit_streamed
from nero_core.detectors.detector import State
from nero_core.models.classifier import Classifier
from nero_core.models.stages import stage_channels, stage_names


def fit_on_all(
    classifier: Classifier,
    images: ImageFolder,
    chosen: Sequence[int],
    folder: Path,
    report: Progress,
    half: bool = False,
) -> tuple[FeatureBank, State]:
    """One forward pass over all images; then the sums of the methods that need only sums, in two passes over features.

    Memory holds a batch and the sample, whatever the number of images. A second forward pass would cost what the first
    did, so that the features wait on the disk: see `Spill`.

    Args:
        classifier: as it will be stored.
        images: all fit images.
        chosen: the sample, sorted indices into ``images``.
        folder: on whose disk the features wait.
        report: told ("fit images", done, total), and ("fit", …) of the passes.
        half: round the features to float16, as they will be stored.

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
        bank = _observe(classifier, images, chosen, spill, report, half)
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
    classifier: Classifier, images: ImageFolder, chosen: Sequence[int], spill: Spill, report: Progress, half: bool
) -> FeatureBank:
    """The bank of the chosen images, while the features of all go to the disk."""
    is_chosen = torch.zeros(len(images), dtype=torch.bool)
    is_chosen[list(chosen)] = True
    features: list[Tensor] = []
    stages: dict[str, list[Tensor]] = {}
    ids: list[str] = []
    done = 0
    for batch in iterate_batches(images, classifier.input_size, batch_size=32):
        found, means = rounded(classifier.observe(batch), half)
        spill.write(found, means)
        rows = is_chosen[done : done + len(batch)]
        features.append(found[rows])
        for name, values in means.items():
            stages.setdefault(name, []).append(values[rows])
        ids.extend(batch.ids[row] for row in rows.nonzero().flatten().tolist())
        done += len(batch)
        report("fit images", done, len(images))
    return FeatureBank(
        torch.cat(features),
        torch.tensor(images.labels)[is_chosen],
        tuple(ids),
        stages=MappingProxyType({name: torch.cat(parts) for name, parts in stages.items()}),
    )
