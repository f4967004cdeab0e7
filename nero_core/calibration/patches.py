"""The patches of a bundle: fitted on its fit images, read by the calibration images, which are not in the coreset."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch

from nero_core.data.folders import ImageFolder, iterate_batches
from nero_core.detectors.patch_fit import CORESET, POOL, PatchFit
from nero_core.detectors.patches import PatchModel, PatchStage, averaged_patches, unit_patches, unlikeness_map
from nero_core.errors import CalibrationError
from nero_core.models.classifier import Classifier
from nero_core.models.colour import COLOUR
from nero_core.models.stages import patch_stage_names
from nero_core.relevance.smoothing import smooth
from nero_core.types import ImageBatch

IMAGES = 1_000  # of each part that are looked at: more add time and little else
BEYOND = 0.01  # share of ID images that the level leaves above it
BRIGHT = 0.95  # share of ID images that the colour limit leaves unsaturated
_EACH = 4  # pixels between those that give the level: a smoothed map changes little in between

Progress = Callable[[str, int, int], None]


def make_patches(
    classifier: Classifier,
    fit_images: ImageFolder,
    calibration_images: ImageFolder,
    seed: int = 0,
    report: Progress = lambda stage, done, total: None,
    coreset: int = CORESET,
    pool: int = POOL,
) -> PatchModel:
    """One forward pass, up to the last stage compared, over at most ``IMAGES`` images of each part.

    Args:
        classifier: as it will be stored.
        fit_images: whose patches are kept.
        calibration_images: which say what is usual. None of them is a fit image.
        seed: of the images where there are more, and of the patches that the coreset is chosen from.
        report: told (stage, done, total).
        coreset: patches to keep at the stage, and of the colour.
        pool: patches that they are chosen from.

    Raises:
        CalibrationError: the architecture has no stages, or patches that do not differ.
        ImageError: an image cannot be decoded.
    """
    if not patch_stage_names(classifier.model):
        raise CalibrationError(
            "Expected an architecture with stages. Found one whose stages cannot be read. Choose another, such as "
            "resnet18."
        )
    generator = np.random.default_rng(seed)
    fit, calibration = (_at_most(images, generator) for images in (fit_images, calibration_images))
    told = _Told(classifier, report, len(fit) + len(calibration))
    names = patch_stage_names(classifier.model)
    fits = {name: PatchFit(len(fit), seed, pool) for name in names}
    for batch in told.batches(fit):
        for name, maps in classifier.patches(batch.pixels, names).items():
            fits[name].add(averaged_patches(maps) if name == COLOUR else unit_patches(maps))
    stages = {
        name: replace(fitted.finish(coreset), is_unit=name != COLOUR).to(classifier.device)
        for name, fitted in fits.items()
    }
    return _with_levels(classifier, stages, told.batches(calibration))


def read_anew(
    classifier: Classifier,
    patches: PatchModel,
    images: ImageFolder,
    seed: int = 0,
    report: Progress = lambda stage, done, total: None,
) -> PatchModel:
    """The same patches, with other images which say what is usual; arguments and errors as of ``make_patches``."""
    chosen = _at_most(images, np.random.default_rng(seed))
    told = _Told(classifier, report, len(chosen))
    return _with_levels(classifier, dict(patches.stages), told.batches(chosen))


class _Told:
    """Reads images, and tells how many of a total are done."""

    def __init__(self, classifier: Classifier, report: Progress, total: int) -> None:
        self._size, self._report, self._total, self._done = classifier.input_size, report, total, 0

    def batches(self, images: ImageFolder) -> Iterator[ImageBatch]:
        for batch in iterate_batches(images, self._size, batch_size=16):
            yield batch
            self._done += len(batch)
            self._report("patches", self._done, self._total)


def _with_levels(
    classifier: Classifier, stages: dict[str, PatchStage], calibration: Iterable[ImageBatch]
) -> PatchModel:
    size, names = classifier.input_size, tuple(stages)
    parts: dict[str, list[torch.Tensor]] = {name: [] for name in stages}
    for batch in calibration:
        for name, maps in classifier.patches(batch.pixels, names).items():
            parts[name].append(stages[name].log_distances(stages[name].patches(maps, size)).cpu())
    distances = {name: torch.cat(logs, dim=1) for name, logs in parts.items()}
    cpu = torch.device("cpu")
    limited = {name: stage.to(cpu).with_limits(distances[name]) for name, stage in stages.items()}
    return _read_by(limited, distances, size).to(classifier.device)


def _read_by(stages: dict[str, PatchStage], distances: dict[str, torch.Tensor], size: tuple[int, int]) -> PatchModel:
    """The level and the colour limit, from the maps of the calibration images as they are shown."""
    model = PatchModel(MappingProxyType(stages), 0.0, BEYOND, 1.0)
    sigma, values, peaks = model.sigma(size), [], []
    for row in range(next(iter(distances.values())).shape[1]):
        alone = {name: logs[:, row : row + 1] for name, logs in distances.items()}
        shown = smooth(unlikeness_map(stages, alone, size)[0], sigma)
        values.append(shown[::_EACH, ::_EACH].ravel())
        peaks.append(float(shown.max()))
    every = np.concatenate(values)
    level = float(np.quantile(every, 1 - BEYOND))
    limit = float(np.quantile(peaks, BRIGHT))
    usual = float(np.mean(every > level))
    return PatchModel(model.stages, level, usual, limit if limit > 0 else 1.0)


def _at_most(images: ImageFolder, generator: np.random.Generator) -> ImageFolder:
    if len(images) <= IMAGES:
        return images
    return images.select(sorted(generator.choice(len(images), IMAGES, replace=False).tolist()))
