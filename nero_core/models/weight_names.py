"""Tensors of a file under the names that a timm model gives them."""

import re
import sys
from collections.abc import KeysView, Mapping

import timm
from torch import Tensor, nn

from nero_core.errors import CheckpointError

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")  # DataParallel, compile, Lightning, …
COUNTER = "num_batches_tracked"  # of batch norm, which files of older programs lack; it plays no part in inference

# torchvision's VisionTransformer, in its own words → timm's.
_TORCHVISION_VIT = (
    (r"class_token", "cls_token"),
    (r"conv_proj\.", "patch_embed.proj."),
    (r"encoder\.pos_embedding", "pos_embed"),
    (r"encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"(blocks\.\d+)\.ln_(\d)\.", r"\1.norm\2."),
    (r"(blocks\.\d+)\.self_attention\.in_proj_", r"\1.attn.qkv."),
    (r"(blocks\.\d+)\.self_attention\.out_proj\.", r"\1.attn.proj."),
    (r"(blocks\.\d+)\.mlp\.(?:0|linear_1)\.", r"\1.mlp.fc1."),
    (r"(blocks\.\d+)\.mlp\.(?:3|linear_2)\.", r"\1.mlp.fc2."),
    (r"encoder\.ln\.", "norm."),
    (r"heads\.head\.", "head."),
)


def timm_names(
    state: Mapping[str, Tensor], model: nn.Module, arch: str, source: str, by_order: bool = False
) -> dict[str, Tensor]:
    """The tensors under timm's names, as far as names tell; whether all are there is for the caller to see.

    What is tried, in this order: the names as they are; without the prefixes of ``PREFIXES``; torchvision's names of a
    vision transformer; timm's own conversion for this family (``checkpoint_filter_fn``). The first that gives exactly
    the model's names is taken. Counters of batch norm that the file lacks are added.

    Args:
        state: the tensors of the file, in its order.
        model: timm's model of ``arch``; a model without memory will do.
        arch: name of a timm architecture.
        source: the file, for messages.
        by_order: forget the names: the i-th tensor of the file is the i-th of the model. For files of the same network
            in other words; that all shapes agree makes a mistake unlikely, not impossible.

    Raises:
        CheckpointError: ``by_order``, and the numbers of tensors or their shapes (but for the number of classes)
            differ; or no names fit, and by order all would.
    """
    wanted: dict[str, Tensor] = model.state_dict()
    if by_order:
        return _in_order(state, wanted, head_names(model), arch, source)
    names = wanted.keys()
    plain = _without_prefixes(state, names)
    for candidate in (dict(state), plain, _from_torchvision_vit(plain), _converted(plain, model, arch)):
        whole = _with_counters(candidate, wanted)
        if whole.keys() == names:
            return whole
    if _first_difference(state, wanted, head_names(model)) is None:
        raise CheckpointError(
            f"Expected in {source} the names of {arch}. Found others, though all {len(state)} shapes agree in order. "
            "If the file is of this very network, match by order: --by-order."
        )
    return _with_counters(plain, wanted)


def are_torchvisions(state: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Whether the names are those of torchvision where timm has others; torchvision's weights know ImageNet's pixels.

    Args:
        state: the tensors of the file.
        model: timm's model; a model without memory will do.
    """
    names = model.state_dict().keys()
    plain = _without_prefixes(state, names)
    return plain.keys() != names and _from_torchvision_vit(plain).keys() == names


def head_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the head's weight and bias."""
    linear = list(model.get_classifier().parameters())  # type: ignore[operator]
    return tuple(name for name, parameter in model.named_parameters() if any(parameter is own for own in linear))


def _without_prefixes(state: Mapping[str, Tensor], names: KeysView[str]) -> dict[str, Tensor]:
    plain = dict(state)
    while plain and plain.keys() != names:
        prefix = next((candidate for candidate in PREFIXES if all(name.startswith(candidate) for name in plain)), None)
        if prefix is None:
            break
        plain = {name.removeprefix(prefix): tensor for name, tensor in plain.items()}
    return plain


def _from_torchvision_vit(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in state.items():
        for pattern, own in _TORCHVISION_VIT:
            name = re.sub(rf"^{pattern}", own, name)
        renamed[name] = tensor
    return renamed


def _converted(state: Mapping[str, Tensor], model: nn.Module, arch: str) -> dict[str, Tensor]:
    module = sys.modules[timm.model_entrypoint(arch).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None) or getattr(module, "_filter_fn", None)
    if convert is None:
        return {}
    try:
        converted = dict(convert(dict(state), model))
    except Exception:  # each family raises its own kinds on files that it does not know
        return {}
    return {str(name): tensor for name, tensor in converted.items() if isinstance(tensor, Tensor)}


def _with_counters(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not state:
        return {}
    missing = {name for name in wanted.keys() - state.keys() if name.endswith(f".{COUNTER}")}
    if not missing or any(name.endswith(f".{COUNTER}") for name in state):
        return dict(state)
    first = next(iter(state.values()))
    return {**state, **{name: first.new_zeros((), dtype=wanted[name].dtype) for name in missing}}


def _in_order(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], head: tuple[str, ...], arch: str, source: str
) -> dict[str, Tensor]:
    different = _first_difference(state, wanted, head)
    if different is not None:
        raise CheckpointError(
            f"Expected in {source} the tensors of {arch}, in order. Found {different}. "
            "The file is of another architecture, or keeps its tensors in another order."
        )
    return _with_counters(dict(zip(_counted(state, wanted), state.values(), strict=True)), wanted)


def _first_difference(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], head: tuple[str, ...]) -> str | None:
    names = _counted(state, wanted)
    if len(names) != len(state):
        return f"{len(state)} tensors, not {len(names)}"
    for name, (theirs, tensor) in zip(names, state.items(), strict=True):
        free = 1 if name in head else 0  # the number of classes
        if tensor.ndim != wanted[name].ndim or tensor.shape[free:] != wanted[name].shape[free:]:
            shapes = f"{tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            return f"{theirs[:80]!r} in the place of {name}, of shape {shapes}"
    return None


def _counted(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """The model's names, without counters where the file has none."""
    has_counters = any(name.endswith(COUNTER) for name in state)
    return [name for name in wanted if has_counters or not name.endswith(COUNTER)]
