"""From a folder of frames to features, and to a whole bundle, against the bare forward pass with decoding."""

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image

from nero_core import Inspector
from nero_core.calibration import calibrate
from nero_core.calibration.held_out import observe_images
from nero_core.data import iterate_batches, read_folder
from nero_core.data.folders import ImageFolder
from nero_core.models import ModelCard, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES, draw_phantom, encode_phantom
from nero_core.types import ImageBatch
from tests.bench.crowd import FRAME
from tests.bench.record import Amount, Goal, Row
from tests.bench.setting import Setting
from tests.bench.timing import paired, seconds

FRAMES = 96  # each another picture: a fit takes no equal ones
BATCH = 32


def observation_rows(setting: Setting) -> Iterator[Row]:
    """What calibration does with each image: decoded in threads beside the forward pass, observed and kept."""
    images, classifier = written_frames(setting), setting.usual.bundle.classifier

    def observe() -> None:
        observe_images(classifier, images, "frames", lambda stage, done, total: None)

    yield _speed(
        f"features and stages of {len(images)} frames of 1350 × 1080 for a bank: speed ÷ bare forward pass with "
        "decoding beside it, EfficientNet-Lite0",
        paired(observe, bare(setting.usual, images), rounds=3),
        at_least=0.85,
    )


def calibration_rows(setting: Setting) -> Iterator[Row]:
    """The whole command, without the parts that may be left out."""
    step = f"`nero calibrate` with {FRAMES} such frames, without references and patches: speed ÷ the same bare pass"
    make = _calibration(setting, references=0, patches=0)
    yield _speed(step, paired(make, bare(setting.usual, written_frames(setting)), rounds=2))


def whole_calibration_rows(setting: Setting) -> Iterator[Row]:
    """The same with them: heatmaps of the images that use each channel most are nearly all of it."""
    step = f"`nero calibrate` with {FRAMES} such frames and all parts: speed ÷ the same bare forward pass"
    measured, other = seconds(_calibration(setting, 2, 2000)), seconds(bare(setting.usual, written_frames(setting)))
    yield _speed(step, (measured, other, measured / other))


def _calibration(setting: Setting, references: int, patches: int) -> Callable[[], None]:
    images, inspector, numbers = written_frames(setting), setting.usual, itertools.count()
    card = ModelCard(arch=inspector.bundle.card.arch, classes=inspector.bundle.classifier.class_names)
    checkpoint = setting.folder / "checkpoint"
    save_checkpoint(checkpoint, inspector.bundle.classifier.model, card)

    def make() -> None:
        out = setting.folder / f"bundle {references} {next(numbers)}"
        calibrate(checkpoint, images.root, out, references=references, patches=patches, allow_reduced_rank=True)

    return make


def bare(inspector: Inspector, images: ImageFolder) -> Callable[[], None]:
    """The model's own forward pass of these files, decoded in threads beside it as well as the engine can."""
    classifier = inspector.bundle.classifier
    mean = torch.tensor(classifier.mean, device=inspector.device).view(1, 3, 1, 1)
    std = torch.tensor(classifier.std, device=inspector.device).view(1, 3, 1, 1)

    def forward(batch: ImageBatch) -> None:
        pixels = (batch.pixels.to(inspector.device) - mean) / std
        with torch.no_grad():
            classifier.model(pixels.contiguous(memory_format=torch.channels_last))

    def work() -> None:
        for batch in iterate_batches(images, classifier.input_size, batch_size=BATCH):
            forward(batch)

    return work


def written_frames(setting: Setting, frames: int = FRAMES) -> ImageFolder:
    """Frames of an endoscope's size in a folder a class, drawn small and made larger."""
    root = setting.folder / "frames"
    if not root.exists():
        for number in range(frames):
            name = ID_CLASSES[number % len(ID_CLASSES)]
            _write_frame(root / name / f"{number:04}.jpg", name, 6000 + number)
    return read_folder(root, setting.usual.bundle.classifier.class_names)


def _write_frame(path: Path, name: str, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = Image.open(io.BytesIO(encode_phantom(draw_phantom(name, seed))))
    drawn.resize(FRAME[::-1]).save(path, "JPEG", quality=90)


def _speed(step: str, times: tuple[float, float, float], at_least: float | None = None) -> Row:
    """Seconds of both, and how fast this is of that."""
    measured, other, ratio = times
    goal = None if at_least is None else Goal(is_for="ratio", sign="≥", limit=at_least)
    return Row(step=step, this=Amount(value=measured), against=Amount(value=other), ratio=1 / ratio, goal=goal)
