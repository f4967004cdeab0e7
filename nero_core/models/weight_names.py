"""Tensors of a file under the names that a timm model gives them."""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import timm
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models.weight_surplus import COUNTER, networks, plays_no_part, rank

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")  # DataParallel, compile, Lightning, …
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


@dataclass(frozen=True, slots=True)
class NamedTensors:
    """What a file of weights holds for a model.

    Attributes:
        tensors: under timm's names, as far as names tell.
        left_out: what the file has beside them, under its own names: it plays no part in the model.
    """

    tensors: dict[str, Tensor]
    left_out: tuple[str, ...] = ()


def timm_names(
    state: Mapping[str, Tensor], model: nn.Module, arch: str, source: str, by_order: bool = False
) -> NamedTensors:
    """The tensors under timm's names, as far as names tell; whether all are there is for the caller to see.

    What is tried, in this order: the names as they are; without the prefixes of ``PREFIXES``; torchvision's names of a
    vision transformer; timm's own conversion for this family (``checkpoint_filter_fn``); a whole network under any
    other prefix. The first that gives exactly the model's names is taken, else the first that gives all of them (but
    for the head's) and nothing else that may be a layer; see ``plays_no_part``. Counters of batch norm that the file
    lacks are added.

    Args:
        state: the tensors of the file, in its order.
        model: timm's model of ``arch``; a model without memory will do.
        arch: name of a timm architecture.
        source: the file, for messages.
        by_order: forget the names: the i-th tensor of the file is the i-th of the model. For files of the same network
            in other words; that all shapes agree makes a mistake unlikely, not impossible.

    Raises:
        CheckpointError: ``by_order``, and the numbers of tensors or their shapes (but for the number of classes)
            differ; or no names fit, and by order all would; or the file holds several such networks.
    """
    wanted: dict[str, Tensor] = model.state_dict()
    head = head_names(model)
    classes = len(wanted[head[0]]) if head else 0
    if by_order:
        return _in_order(state, wanted, head, arch, source, classes)
    names = wanted.keys()
    plain, _ = _without_prefixes(state, names)
    for candidate in (dict(state), plain, _from_torchvision_vit(plain), _converted(plain, model, arch)):
        whole = _with_counters(candidate, wanted)
        if whole.keys() == names:
            return NamedTensors(whole)
    _check_only_one(state, wanted, head, source)
    readings = list(_readings(state, wanted, head, model, arch))
    for may_be_missing in (set[str](), set(head)):
        for candidate, outside in readings:
            whole = _with_counters(candidate, wanted)
            surplus = whole.keys() - names
            if names - whole.keys() <= may_be_missing and all(
                name in outside or plays_no_part(name, whole, names, classes) for name in surplus
            ):
                tensors = {name: whole[name] for name in wanted if name in whole}
                return NamedTensors(tensors, tuple(sorted(surplus | outside)))
    if _first_difference(state, wanted, head) is None:
        raise CheckpointError(
            f"Expected in {source} the names of {arch}. Found others, though all {len(state)} shapes agree in order. "
            "If the file is of this very network, match by order: --by-order."
        )
    return NamedTensors(_with_counters(plain, wanted))


def are_torchvisions(state: Mapping[str, Tensor], model: nn.Module) -> bool:
    """Whether the names are those of torchvision where timm has others; torchvision's weights know ImageNet's pixels.

    Args:
        state: the tensors of the file.
        model: timm's model; a model without memory will do.
    """
    names = model.state_dict().keys()
    plain, _ = _without_prefixes(state, names)
    return not names <= plain.keys() and names <= _from_torchvision_vit(plain).keys()


def head_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the head's weight and bias."""
    linear = list(model.get_classifier().parameters())  # type: ignore[operator]
    return tuple(name for name, parameter in model.named_parameters() if any(parameter is own for own in linear))


def _readings(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], head: tuple[str, ...], model: nn.Module, arch: str
) -> Iterator[tuple[dict[str, Tensor], set[str]]]:
    """The tensors under names that may be timm's, and the names of those that stand beside the network's module."""
    prefixes = networks(state, _needed(wanted, head), PREFIXES)
    yield dict(state), {name for name in state if name.startswith(tuple(prefixes))}
    for prefix in prefixes:
        inside = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        yield inside, {name for name in state if not name.startswith(prefix)}
    plain, outside = _without_prefixes(state, wanted.keys())
    yield plain, outside
    yield _from_torchvision_vit(plain), outside
    beside = {name for name in plain if name in outside or plays_no_part(name, plain, wanted.keys(), 0)}
    converted = _converted({name: tensor for name, tensor in plain.items() if name not in beside}, model, arch)
    if converted:
        yield converted, beside


def _needed(wanted: Mapping[str, Tensor], head: tuple[str, ...]) -> list[str]:
    return [name for name in wanted if name not in head and not name.endswith(COUNTER)]


def _check_only_one(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], head: tuple[str, ...], source: str
) -> None:
    """Refuse a file with several such networks of which nothing tells which was trained."""
    needed = _needed(wanted, head)
    found = [] if all(name in state for name in needed) else networks(state, needed, PREFIXES)
    likeliest = [prefix for prefix in found if rank(prefix, PREFIXES) == rank(found[0], PREFIXES)]
    if len(likeliest) > 1:
        raise CheckpointError(
            f"Expected the weights of one network in {source}. Found {len(likeliest)}, under "
            f"{', '.join(likeliest[:4])}. Save the state dict of the one that was trained."
        )


def _without_prefixes(state: Mapping[str, Tensor], names: Collection[str]) -> tuple[dict[str, Tensor], set[str]]:
    """The tensors without the prefixes that most of their names have, and the names of those without one."""
    plain, outside = dict(state), set[str]()
    while plain and not set(names) <= plain.keys():
        prefix = next((candidate for candidate in PREFIXES if _is_prefix(candidate, plain, names)), None)
        if prefix is None:
            break
        inside = {name.removeprefix(prefix): tensor for name, tensor in plain.items() if name.startswith(prefix)}
        others = {name: tensor for name, tensor in plain.items() if not name.startswith(prefix)}
        outside |= others.keys() - set(names)  # a head that stands beside its backbone belongs to the network
        plain = {**others, **inside}
    return plain, outside & plain.keys()


def _is_prefix(prefix: str, state: Mapping[str, Tensor], names: Collection[str]) -> bool:
    """Whether all names begin so or, where no name of the model does, most."""
    count = sum(name.startswith(prefix) for name in state)
    return count == len(state) or (2 * count > len(state) and not any(name.startswith(prefix) for name in names))


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
    state: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    head: tuple[str, ...],
    arch: str,
    source: str,
    classes: int,
) -> NamedTensors:
    different = _first_difference(state, wanted, head)
    own = {name: tensor for name, tensor in state.items() if not plays_no_part(name, state, (), classes)}
    if different is not None and _first_difference(own, wanted, head) is not None:
        raise CheckpointError(
            f"Expected in {source} the tensors of {arch}, in order. Found {different}. "
            "The file is of another architecture, or keeps its tensors in another order."
        )
    taken = state if different is None else own
    tensors = dict(zip(_counted(taken, wanted), taken.values(), strict=True))
    return NamedTensors(_with_counters(tensors, wanted), tuple(sorted(state.keys() - taken.keys())))


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
