"""``train``: a dataset in, a checkpoint out."""

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nero_core.data.folders import file_digest, tell_each
from nero_core.data.left_out import Tell, tell_nobody
from nero_core.device import pick_device
from nero_core.models.checkpoint import ModelCard, TrainingFacts, round_to_half
from nero_core.models.classifier import build_model
from nero_core.training.epoch import learn_epoch, seeded
from nero_core.training.images import Images, fingerprint, read_classes, split_images
from nero_core.training.learner import Learner
from nero_core.training.options import check_options, check_start
from nero_core.training.progress import EpochMetrics, Progress, TrainingStep, best_epoch, is_over
from nero_core.training.read import read_parts
from nero_core.training.recipe import RECIPES
from nero_core.training.run_files import DATA, START, RunFiles
from nero_core.training.start import Normalisation, backbone_digest, start, starting_weights, weights_digest
from nero_core.training.workers import words_for_a_dead_worker, worker_count
from nero_core.version import PROGRAM, versions

LIBRARIES = (PROGRAM, "torch", "torchvision", "timm")  # weights depend on


def train(
    data: str | Path,
    out: str | Path,
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
    weights: str | Path | None = None,
    by_order: bool = False,
    freeze_backbone: bool = False,
    early_stop: int | None = None,
    half: bool = False,
    workers: int | None = 0,
    resume: bool = True,
    on_progress: Progress | None = None,
    on_warning: Callable[[str], object] = warnings.warn,
    on_left_out: Tell = tell_nobody,
) -> ModelCard:
    """Train with Adam and cross-entropy, and write a checkpoint folder with the weights of the last, or best, epoch.

    Killed at any moment, the same call goes on from the last complete epoch; on a finished folder it returns at once.
    On the CPU it goes on to the weights of a run that was never stopped, bit by bit, with the same number of threads
    and the same versions; on a GPU to nearly those.

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
            drawn again.
        by_order: match the tensors of ``weights`` by their place in the file, not by name.
        freeze_backbone: only the head learns, on features of the backbone in eval mode, whose batch norm stays as it
            is. Without augmentation the features are computed once.
        early_stop: stop after so many epochs without a lower validation loss, and go back to the weights that had the
            lowest; None goes on to the end and keeps the last.
        half: store the result's matrices and kernels as float16.
        workers: processes that read and vary images while the classifier learns; None for as many as this machine has
            use for. The weights do not depend on it. A script that asks for some calls ``train`` under
            ``if __name__ == "__main__":``, since each process imports the script.
        resume: False drops the run that ``out`` holds.
        on_progress: called after each batch.
        on_left_out: told what the folder holds that is not read, where there is such a thing.
        on_warning: told when the run goes on with other threads, device or versions than it began with.

    Raises:
        CalibrationError: the data has no images, one class only, or a class without images.
        CheckpointError: ``out`` holds another run or files of another program, another process trains there, the
            starting weights do not fit, or the loss is no longer finite.
        ImageError: an image cannot be decoded.
        NeroError: an option is out of its range, timm's weights cannot be fetched, or a process that reads has died.
    """
    data, out, weights = Path(data), Path(out), None if weights is None else Path(weights)
    recipe = RECIPES["frozen" if freeze_backbone else "pretrained" if pretrained or weights else "scratch"]
    rate = recipe.learning_rate if learning_rate is None else learning_rate
    schedule, augment = schedule or recipe.schedule, augment or recipe.augment
    check_options(epochs, batch_size, rate, schedule, augment, size, seed, validation_share, early_stop, workers)
    check_start(pretrained, weights, by_order, freeze_backbone)
    target = pick_device(device)
    folder = read_classes(data, classes)
    tell_each((folder,), on_left_out)
    with torch.device("meta"):  # costs no memory
        empty = build_model(arch, len(folder.classes), (size, size))
    normalisation: Normalisation | None = None
    if weights is not None:  # refused before the folder is claimed, as an architecture is
        normalisation = starting_weights(weights, empty, arch, len(folder.classes), by_order).normalisation
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
        "normalisation": None if normalisation is None else [list(part) for part in normalisation],  # None: timm's
        "by_order": by_order or None,  # None, as in the cards of version 0.1.0, which lack these
        "freeze_backbone": freeze_backbone or None,
        "early_stop": early_stop,
        "half": half,
        DATA: fingerprint(folder, digests),
    }
    machine: dict[str, Any] = {
        "device": target.type,
        "threads": torch.get_num_threads(),
        "versions": versions(LIBRARIES),
    }
    with RunFiles(out) as files, ExitStack() as stack:
        finished = files.open(settings, resume, machine, on_warning)
        if finished is not None:
            return finished

        with seeded(seed, 0, target):
            classifier = start(arch, folder.classes, size, pretrained, weights, by_order)
            if freeze_backbone:
                classifier.check_head()  # the head must be the last step, or it would learn on what it never sees
        if pretrained and weights is None:
            machine[START] = backbone_digest(classifier.model)
            files.check_start(machine[START])
        if freeze_backbone and half:
            round_to_half(classifier.model)  # the head learns on features of the backbone as it will be stored
        learner = Learner(classifier, rate, target, freeze_backbone)
        history = files.load(learner)
        on_features = freeze_backbone and augment == "none"
        parts = []
        for part, varied in zip(split_images(folder, digests, validation_share, seed), (augment, "none"), strict=True):
            images = Images(folder.select(part), size, batch_size, is_pinned=target.type == "cuda")
            images.workers = worker_count(workers, images.pixels, batch_size, target, varied, is_once=on_features)
            stack.callback(images.close)
            parts.append(images)
        stack.enter_context(words_for_a_dead_worker())
        if not is_over(history, epochs, early_stop):
            training, validation = read_parts(
                parts[0],
                parts[1],
                learner if on_features else None,
                files,
                lambda done, total: _tell(on_progress, TrainingStep(0, epochs, done, total)),
            )
        while not is_over(history, epochs, early_stop):
            epoch = len(history) + 1
            begin = time.monotonic()
            with seeded(seed, epoch, target):
                for step in learn_epoch(learner, training, epoch, epochs, rate, schedule, augment):
                    _tell(on_progress, step)
            accuracy, loss = learner.validate(validation)
            seconds = round(time.monotonic() - begin, 3)
            metrics = EpochMetrics(epoch, step.loss, step.accuracy, accuracy, seconds, loss)
            history = [*history, metrics]
            if early_stop is not None and best_epoch(history) == epoch:
                learner.keep()
            files.save(learner, history)
            _tell(on_progress, replace(step, metrics=metrics))
        if early_stop is not None:
            learner.restore()
        taken = history[-1] if early_stop is None else history[best_epoch(history) - 1]

        facts = TrainingFacts(
            seed=seed,
            epochs=len(history),
            images=len(folder),
            validation_accuracy=taken.validation_accuracy,
            settings={
                **settings,
                "weights_of_epoch": taken.epoch,
                "validation_images": len(parts[1]),  # of ``images``
                **machine,
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


def _tell(on_progress: Progress | None, step: TrainingStep) -> None:
    if on_progress is not None:
        on_progress(step)
