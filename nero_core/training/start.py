"""The weights that training starts from: drawn, timm's, or those of a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from nero_core.data.folders import file_digest
from nero_core.errors import CheckpointError, NeroError
from nero_core.models.checkpoint import check_finite, check_header
from nero_core.models.classifier import Classifier, create_classifier
from nero_core.models.weight_file import header_of, read_weights
from nero_core.models.weight_names import head_names, timm_names


def start(
    arch: str, classes: Sequence[str], size: int, pretrained: bool, weights: Path | None, by_order: bool = False
) -> Classifier:
    """The classifier before the first step.

    Args:
        arch: name of a timm architecture.
        classes: in the order of the head's outputs.
        size: height and width of the input, in pixels.
        pretrained: take timm's ImageNet weights, which are downloaded.
        weights: take this state dict; a head of another size, or none, is drawn anew.
        by_order: match its tensors by their place in the file, not by name.

    Raises:
        CheckpointError: timm has no such architecture, or the file is no state dict, or one of another architecture.
        NeroError: timm's weights cannot be fetched.
    """
    plain = create_classifier(arch, classes, (size, size))
    config = timm.get_pretrained_cfg(arch)
    if not (pretrained or weights):
        return plain
    if weights is not None:
        state = starting_weights(weights, plain.model, arch, len(classes), by_order)
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


def starting_weights(path: Path, model: nn.Module, arch: str, classes: int, by_order: bool) -> dict[str, Tensor]:
    """The file's tensors, with the model's own head where the file has another one or none.

    Raises:
        CheckpointError: the file is no state dict, or one of another architecture, or a weight is not finite.
    """
    state = timm_names(read_weights(path), model, arch, path.name, by_order)
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
    return state
