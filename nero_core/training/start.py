"""The weights that training starts from: drawn, timm's, or those of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nero_core.data.folders import file_digest
from nero_core.errors import CheckpointError, NeroError
from nero_core.models.classifier import Classifier, create_classifier


def start(arch: str, classes: Sequence[str], size: int, pretrained: bool, weights: Path | None) -> Classifier:
    """The classifier before the first step.

    Args:
        arch: name of a timm architecture.
        classes: in the order of the head's outputs.
        size: height and width of the input, in pixels.
        pretrained: take timm's ImageNet weights, which are downloaded.
        weights: take this state dict; a head of another size is drawn anew.

    Raises:
        CheckpointError: timm has no such architecture, or the file is no state dict, or one of another architecture.
        NeroError: timm's weights cannot be fetched.
    """
    plain = create_classifier(arch, classes, (size, size))
    config = timm.get_pretrained_cfg(arch)
    if not (pretrained or weights):
        return plain
    if weights is not None:
        state = _fit(weights, _read_weights(weights), plain.model, arch)
    else:
        extra: dict[str, Any] = {"img_size": (size, size)} if config and config.fixed_input_size else {}
        try:
            state = timm.create_model(arch, pretrained=True, num_classes=len(classes), **extra).state_dict()
        except Exception as error:  # the hub's clients raise dozens of kinds
            raise NeroError(
                f"Expected to download timm's ImageNet weights of {arch}. Found {type(error).__name__}: {error}. "
                "Check the connection, or give a local file with --weights."
            ) from error
    plain.model.load_state_dict(state)
    normalisation = config or plain  # an architecture without a config of its own keeps ImageNet's
    return Classifier(plain.model, classes, (size, size), normalisation.mean, normalisation.std)


def weights_digest(path: Path) -> str:
    """The sha256 of the file of starting weights.

    Raises:
        CheckpointError: there is no such file.
    """
    if not path.is_file():
        raise CheckpointError(f"Expected a file of starting weights. Found none at {path}. Check --weights.")
    return file_digest(path)


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # unpickling raises nearly anything, and runs no code of the file
        raise CheckpointError(
            f"Expected {path.name} to be a state dict: .safetensors, or .pth with nothing but tensors. "
            f"Found something else ({type(error).__name__}). Save model.state_dict() with safetensors."
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(
            f"Expected {path.name} to be a state dict, name → tensor. Found {type(content).__name__}. "
            "Save model.state_dict(), not the model."
        )
    return {str(name): tensor for name, tensor in content.items()}


def _fit(path: Path, state: dict[str, Tensor], model: nn.Module, arch: str) -> dict[str, Tensor]:
    """The file's tensors, with a fresh head where its shape is another one."""
    fresh = model.state_dict()
    linear = list(model.get_classifier().parameters())  # type: ignore[operator]
    head = [name for name, parameter in model.named_parameters() if any(parameter is own for own in linear)]
    replaced = any(name in state and state[name].shape != fresh[name].shape for name in head)
    fitted = {**state, **{name: fresh[name] for name in head if replaced}}
    wrong = sorted(
        name
        for name in fresh.keys() | fitted.keys()
        if name not in fresh or name not in fitted or fresh[name].shape != fitted[name].shape
    )
    if wrong:
        raise CheckpointError(
            f"Expected in {path.name} the {len(fresh)} tensors of {arch}. Found {len(wrong)} missing, unknown or of "
            f"another shape (first: {wrong[0]}). Name the architecture of the file with --arch."
        )
    return fitted
