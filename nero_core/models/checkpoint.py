"""A checkpoint folder: ``model.safetensors`` (weights) and ``model.json`` (what the weights are). Never pickle."""

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, create_classifier

WEIGHTS = "model.safetensors"
CARD = "model.json"
MAX_WEIGHT_BYTES = 4 * 2**30  # above any classifier of timm with one linear head
MAX_CARD_BYTES = 64 * 2**20  # a digest for each of half a million training images


class TrainingFacts(BaseModel):
    """How a checkpoint came to be.

    ``digests`` are the sha256 of the training images: calibration must not see them again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int | None = None
    epochs: int | None = None
    images: int | None = None
    validation_accuracy: float | None = Field(default=None, ge=0, le=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    digests: tuple[str, ...] = ()


class ModelCard(BaseModel):
    """What ``model.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: str = Field(min_length=1, max_length=200)
    classes: tuple[str, ...] = Field(min_length=2, max_length=100_000)
    input_size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    training: TrainingFacts = TrainingFacts()


def save_checkpoint(folder: Path, model: nn.Module, card: ModelCard, half: bool = False) -> None:
    """Write a checkpoint folder; ``half`` stores matrices and kernels as float16, vectors stay float32."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder / WEIGHTS, model, half)
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def save_weights(path: Path, model: nn.Module, half: bool = False) -> None:
    """Write a model's state as safetensors."""
    state = {
        name: (tensor.half() if half and tensor.is_floating_point() and tensor.ndim > 1 else tensor).contiguous().cpu()
        for name, tensor in model.state_dict().items()
    }
    save_file(state, path)


def load_checkpoint(folder: str | Path, device: torch.device | str = "cpu") -> tuple[Classifier, ModelCard]:
    """The classifier in a checkpoint folder, in float32 whatever precision the file has.

    torchvision's ``resnet18`` state dict has timm's keys, so such a file loads as well.

    Raises:
        CheckpointError: the folder is incomplete, the card is not valid, or the weights are not the card's model.
    """
    folder = Path(folder)
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"Expected a checkpoint folder with {WEIGHTS} and {CARD}. Found no {name} in {folder}. "
                "Make one with nero train."
            )
    card = _read_card(folder / CARD)
    return load_weights(folder / WEIGHTS, card, device), card


def load_weights(path: Path, card: ModelCard, device: torch.device | str = "cpu") -> Classifier:
    """The card's classifier with the weights of a safetensors file.

    Raises:
        CheckpointError: the file is not safetensors, or its names and shapes are not the card's model.
    """
    classifier = create_classifier(card.arch, card.classes, card.input_size, card.mean, card.std, "cpu")
    state = _read_state(path)
    _check_state(path, state, classifier.model.state_dict(), card)
    classifier.model.load_state_dict(state)
    return Classifier(classifier.model, card.classes, card.input_size, card.mean, card.std, device)


def _read_card(path: Path) -> ModelCard:
    if path.stat().st_size > MAX_CARD_BYTES:
        raise CheckpointError(
            f"Expected {path.name} of at most {MAX_CARD_BYTES} bytes. Found {path.stat().st_size}. "
            "Write the card anew with nero train."
        )
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise CheckpointError(
            f"Expected {path} to be a model card (arch, classes, input_size, mean, std, training). "
            f"Found in {where}: {first['msg']}. Mend the file or make it with nero train."
        ) from error


def _read_state(path: Path) -> dict[str, Tensor]:
    if path.stat().st_size > MAX_WEIGHT_BYTES:
        raise CheckpointError(
            f"Expected weights of at most {MAX_WEIGHT_BYTES} bytes. Found {path.stat().st_size} in {path.name}. "
            "Store the classifier alone, without optimiser state."
        )
    try:
        state = load_file(path)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"Expected {path.name} to be a safetensors file. Found something else ({error}). "
            "Save the state dict with safetensors.torch.save_file; pickled files are never opened."
        ) from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _check_state(path: Path, state: dict[str, Tensor], wanted: dict[str, Tensor], card: ModelCard) -> None:
    missing = sorted(wanted.keys() - state.keys())
    surplus = sorted(state.keys() - wanted.keys())
    shapes = [name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape]
    if missing or surplus:
        raise CheckpointError(
            f"Expected in {path.name} the {len(wanted)} tensors of {card.arch}. "
            f"Found {len(missing)} missing (first: {missing[:1]}) and {len(surplus)} unknown (first: {surplus[:1]}). "
            "Name the architecture that was trained."
        )
    if shapes:
        name = min(shapes)
        raise CheckpointError(
            f"Expected {name} of shape {tuple(wanted[name].shape)} for {card.arch} with {len(card.classes)} classes. "
            f"Found {tuple(state[name].shape)}. Name the architecture and the classes that were trained."
        )
    broken = sorted(name for name, tensor in state.items() if not bool(torch.isfinite(tensor).all()))
    if broken:
        raise CheckpointError(
            f"Expected finite weights in {path.name}. Found NaN or infinity in {broken[0]}. Train or export it anew."
        )
