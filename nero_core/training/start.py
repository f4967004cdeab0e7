"""The weights that training starts from: drawn, timm's, or those of a file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from nero_core.data.folders import file_digest
from nero_core.errors import CheckpointError, NeroError
from nero_core.models.checkpoint import CARD, WEIGHTS, check_finite, check_header, read_model_card
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, create_classifier
from nero_core.models.weight_file import header_of, read_weights
from nero_core.models.weight_names import are_torchvisions, head_names, timm_names

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]  # RGB mean and deviation, of pixels in [0, 1]


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """Tensors by timm's names, and the normalisation of their training where it is known not to be timm's."""

    tensors: dict[str, Tensor]
    normalisation: Normalisation | None


def start(
    arch: str, classes: Sequence[str], size: int, pretrained: bool, weights: Path | None, by_order: bool = False
) -> Classifier:
    """The classifier before the first step.

    It normalises as the starting weights were trained: by the card of the checkpoint that they are of, by ImageNet's
    figures where their names are torchvision's and not timm's, else by timm's for ``arch``.

    Args:
        arch: name of a timm architecture.
        classes: in the order of the head's outputs.
        size: height and width of the input, in pixels.
        pretrained: take timm's ImageNet weights, which are downloaded.
        weights: take this state dict; a head of another size, or none, is drawn again.
        by_order: match its tensors by their place in the file, not by name.

    Raises:
        CheckpointError: timm has no such architecture, or the file is no state dict, or one of another architecture.
        NeroError: timm's weights cannot be fetched.
    """
    plain = create_classifier(arch, classes, (size, size))
    config = timm.get_pretrained_cfg(arch)
    normalisation = timms_normalisation(arch)
    if not (pretrained or weights):
        return plain
    if weights is not None:
        given = starting_weights(weights, plain.model, arch, len(classes), by_order)
        state, normalisation = given.tensors, given.normalisation or normalisation
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
    return Classifier(plain.model, classes, (size, size), *normalisation)


def timms_normalisation(arch: str) -> Normalisation:
    """What timm's weights of ``arch`` were trained with; an architecture without a config of its own has ImageNet's."""
    config = timm.get_pretrained_cfg(arch)
    return (tuple(config.mean), tuple(config.std)) if config else (IMAGENET_MEAN, IMAGENET_STD)


def backbone_digest(model: nn.Module) -> str:
    """The sha256 of all tensors but the head's, by name."""
    digest, head = hashlib.sha256(), head_names(model)
    for name, tensor in sorted(model.state_dict().items()):
        if name not in head:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def weights_digest(path: Path) -> str:
    """The sha256 of the file of starting weights.

    Raises:
        CheckpointError: there is no such file.
    """
    if not path.is_file():
        raise CheckpointError(f"Expected a file of starting weights. Found none at {path}. Check --weights.")
    return file_digest(path)


def starting_weights(path: Path, model: nn.Module, arch: str, classes: int, by_order: bool) -> StartingWeights:
    """The file's tensors, with the model's own head where the file has another one or none.

    Raises:
        CheckpointError: the file is no state dict, or one of another architecture, or a weight is not finite; or the
            card beside it is none.
    """
    given = read_weights(path)
    state = timm_names(given, model, arch, path.name, by_order).tensors
    own: dict[str, Tensor] = model.state_dict()
    head = head_names(model)
    fits = all(name in state and state[name].shape == own[name].shape for name in head)
    fresh = {} if fits else {name: own[name] for name in head}
    state |= fresh
    try:
        check_header(path, header_of(state), own, arch, classes)
    except CheckpointError as error:
        raise CheckpointError(f"{error} It is --arch that names it.") from error
    check_finite(path, {name: tensor for name, tensor in state.items() if name not in fresh})
    normalisation = _normalisation(path, are_torchvisions(given, model))
    return StartingWeights(state, None if normalisation == timms_normalisation(arch) else normalisation)


def _normalisation(path: Path, is_torchvisions: bool) -> Normalisation | None:
    beside = path.with_name(CARD)
    if path.name == WEIGHTS and beside.is_file():
        card = read_model_card(beside)
        return card.mean, card.std
    return (IMAGENET_MEAN, IMAGENET_STD) if is_torchvisions else None
