"""``train``: a dataset in, a checkpoint out."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from nero_core.data.folders import file_digest
from nero_core.device import pick_device
from nero_core.errors import NeroError
from nero_core.models.checkpoint import ModelCard, TrainingFacts
from nero_core.models.classifier import build_model
from nero_core.training.epoch import learn_epoch, seeded
from nero_core.training.images import Images, fingerprint, read_classes, split_images
from nero_core.training.learner import Learner
from nero_core.training.progress import EpochMetrics, Progress, TrainingStep
from nero_core.training.recipe import AUGMENTATIONS, RECIPES, SCHEDULES
from nero_core.training.run_files import RunFiles
from nero_core.training.start import start, weights_digest


def train(
    data: Path,
    out: Path,
    *,
    arch: str = "resnet18",
    classes: Sequence[str] | None = None,
    epochs: int = 12,
    batch_size: int = 32,
    learning_rate: float | None = None,
    schedule: str | None = None,
    augment: str | None = None,
    size: int = 224,
    seed: int = 0,
    validation_share: float = 0.1,
    device: str = "auto",
    pretrained: bool = False,
    weights: Path | None = None,
    half: bool = False,
    resume: bool = True,
    on_progress: Progress | None = None,
) -> ModelCard:
    """Train with Adam and cross-entropy, and write a checkpoint folder with the weights of the last epoch.

    Killed at any moment, the same call goes on from the last complete epoch; on a finished folder it returns at once.

    Args:
        data: folder of class folders.
        out: checkpoint folder; while training it also holds the state to resume from.
        arch: name of a timm architecture.
        classes: folder names, in the order of the head's outputs; None for every subfolder, sorted.
        epochs: passes over the training part.
        batch_size: images a step.
        learning_rate: of Adam; None, as for ``schedule`` and ``augment``, is the value of ``RECIPES``.
        schedule: a key of ``SCHEDULES``.
        augment: a key of ``AUGMENTATIONS``.
        size: height and width of the input, in pixels.
        seed: of the initial weights, the split, the order and the augmentation.
        validation_share: share of the images held out to measure accuracy, in [0, 1).
        device: where to compute.
        pretrained: start from timm's ImageNet weights, which are downloaded.
        weights: start from this state dict (``.safetensors``, or ``.pth`` of tensors only); a head of another size is
            drawn anew.
        half: store the result's matrices and kernels as float16.
        resume: False drops the run that ``out`` holds.
        on_progress: called after each batch.

    Raises:
        CalibrationError: the data has no images, one class only, or a class without images.
        CheckpointError: ``out`` holds another run or files of another program, the starting weights do not fit, or the
            loss is no longer finite.
        ImageError: an image cannot be decoded.
        NeroError: an option is out of its range, or timm's weights cannot be fetched.
    """
    recipe = RECIPES["pretrained" if pretrained or weights else "scratch"]
    rate = recipe.learning_rate if learning_rate is None else learning_rate
    schedule, augment = schedule or recipe.schedule, augment or recipe.augment
    _check_options(epochs, batch_size, rate, schedule, augment, size, seed, validation_share)
    target = pick_device(device)
    folder = read_classes(data, classes)
    with torch.device("meta"):  # refuses an architecture before the folder is claimed, and costs no memory
        build_model(arch, len(folder.classes), (size, size))
    digests = [file_digest(path) for path in folder.paths]
    settings: dict[str, Any] = {
        "arch": arch,
        "classes": list(folder.classes),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": rate,
        "schedule": schedule,
        "augment": augment,
        "size": size,
        "seed": seed,
        "validation_share": validation_share,
        "pretrained": pretrained,
        "weights": None if weights is None else weights_digest(weights),
        "half": half,
        "data": fingerprint(folder, digests),
    }
    files = RunFiles(out)
    finished = files.open(settings, resume)
    if finished is not None:
        return finished

    with seeded(seed, 0, target):
        classifier = start(arch, folder.classes, size, pretrained, weights)
    learner = Learner(classifier, rate, target)
    history = files.load(learner)
    training, validation = [
        Images(folder.select(part), size, batch_size) for part in split_images(folder, digests, validation_share, seed)
    ]
    if len(history) < epochs:
        done, total = 0, len(training) + len(validation)
        for read in chain(training.read(), validation.read()):
            done += read
            _tell(on_progress, TrainingStep(0, epochs, done, total))
        for epoch in range(len(history) + 1, epochs + 1):
            begin = time.monotonic()
            with seeded(seed, epoch, target):
                for step in learn_epoch(learner, training, epoch, epochs, rate, schedule, augment):
                    _tell(on_progress, step)
            seconds = round(time.monotonic() - begin, 3)
            metrics = EpochMetrics(epoch, step.loss, step.accuracy, learner.accuracy(validation), seconds)
            history = [*history, metrics]
            files.save(learner, history)
            _tell(on_progress, replace(step, metrics=metrics))

    facts = TrainingFacts(
        seed=seed,
        epochs=epochs,
        images=len(folder),
        validation_accuracy=history[-1].validation_accuracy,
        settings={
            **settings,
            "validation_images": len(validation),  # of ``images``
            "device": target.type,
            "threads": torch.get_num_threads(),
            "versions": _versions(),
        },
        digests=tuple(sorted(set(digests))),
    )
    mean, std = classifier.mean, classifier.std
    card = ModelCard(
        arch=arch,
        classes=folder.classes,
        input_size=(size, size),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        training=facts,
    )
    files.finish(classifier.model, card, half)
    return card


def _check_options(
    epochs: int,
    batch_size: int,
    rate: float,
    schedule: str,
    augment: str,
    size: int,
    seed: int,
    validation_share: float,
) -> None:
    rules = (
        ("epochs", epochs, epochs >= 1, "1 or more"),
        ("batch-size", batch_size, batch_size >= 2, "2 or more, which batch norm needs"),
        ("lr", rate, 0 < rate < math.inf, "a positive number"),
        ("schedule", schedule, schedule in SCHEDULES, " or ".join(SCHEDULES)),
        ("augment", augment, augment in AUGMENTATIONS, " or ".join(AUGMENTATIONS)),
        ("size", size, 16 <= size <= 4096, "16 to 4096 pixels"),
        ("seed", seed, 0 <= seed < 2**63, "0 to 2^63 - 1"),
        ("validation-share", validation_share, 0 <= validation_share < 1, "0 or more, and below 1"),
    )
    for name, value, holds, expected in rules:
        if not holds:
            raise NeroError(f"Expected --{name} to be {expected}. Found {value!r}. Give another value.")


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("nero-dashboard", "torch", "torchvision", "timm")}


def _tell(on_progress: Progress | None, step: TrainingStep) -> None:
    if on_progress is not None:
        on_progress(step)
