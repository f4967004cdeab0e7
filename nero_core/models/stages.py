"""Channel means on the way through the network: what it saw before it decided."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from nero_core.models.colour import COLOUR

PATCH_STAGES = 2  # the finest: the later ones see half of the image at once, and say little of where
WITHOUT = ("Hiera",)  # whose forward_intermediates raises in timm 1.0.31
FINEST = 8  # pixels a position; before that, channels are edges and colours, which unlike images share


def stage_indices(model: nn.Module) -> tuple[int, ...]:
    """Which of timm's feature maps are stages, from the finest to the coarsest; none where timm offers none.

    A network that narrows step by step has one a step, from a step of 8 pixels on. One that keeps its grid, such as a
    ViT, has those at a quarter, a half and three quarters of its depth. The map that is pooled to the features
    themselves is left out.
    """
    steps = [int(info["reduction"]) for info in _feature_info(model)]
    if len(set(steps)) > 1:
        last_of_step = {step: index for index, step in enumerate(steps)}
        found = tuple(index for step, index in last_of_step.items() if step >= FINEST)
    else:
        found = tuple(sorted({max(0, round(len(steps) * part / 4) - 1) for part in (1, 2, 3)})) if steps else ()
    is_last_pooled = bool(found) and found[-1] == len(steps) - 1 and _is_pooled(model, found[-1])
    return found[:-1] if is_last_pooled else found


def stage_names(model: nn.Module) -> tuple[str, ...]:
    """The modules whose outputs are the stages, as timm names them."""
    info = _feature_info(model)
    return tuple(str(info[index]["module"]) for index in stage_indices(model))


def forward_stages(
    model: nn.Module, pixels: Float[Tensor, "batch 3 height width"]
) -> tuple[Tensor, Mapping[str, Float[Tensor, "batch _"]]]:
    """One forward pass: the last feature map, and the mean of every channel of every stage over all positions."""
    info, indices = _feature_info(model), list(stage_indices(model))
    if not indices:
        return model.forward_features(pixels), MappingProxyType({})  # type: ignore[operator]
    last, maps = model.forward_intermediates(pixels, indices=indices)  # type: ignore[operator]
    means = {str(info[index]["module"]): stage.mean(dim=(2, 3)) for index, stage in zip(indices, maps, strict=True)}
    return last, MappingProxyType(means)


def stage_channels(model: nn.Module) -> dict[str, int]:
    """The number of channels of each stage, by name."""
    info = _feature_info(model)
    return {str(info[index]["module"]): int(info[index]["num_chs"]) for index in stage_indices(model)}


def patch_stage_names(model: nn.Module) -> tuple[str, ...]:
    """What is compared as patches: the finest two stages, and the colour of the image; none where the network has no
    stages."""
    finest = stage_names(model)[:PATCH_STAGES]
    return (*finest, COLOUR) if finest else ()


def forward_patches(
    model: nn.Module, pixels: Float[Tensor, "batch 3 height width"], names: Collection[str]
) -> Mapping[str, Float[Tensor, "batch _ rows columns"]]:
    """The maps of the stages with these names; the forward pass ends at the last of them."""
    info = _feature_info(model)
    indices = [index for index in stage_indices(model) if str(info[index]["module"]) in names]
    if not indices:
        return MappingProxyType({})
    maps = model.forward_intermediates(  # type: ignore[operator]
        pixels, indices=indices, stop_early=True, intermediates_only=True
    )
    return MappingProxyType({str(info[index]["module"]): map_ for index, map_ in zip(indices, maps, strict=True)})


def _feature_info(model: nn.Module) -> list[dict[str, Any]]:
    if not hasattr(model, "forward_intermediates") or type(model).__name__ in WITHOUT:
        return []
    info = getattr(model, "feature_info", [])
    return list(getattr(info, "info", info))


def _is_pooled(model: nn.Module, index: int) -> bool:
    """Whether the features are the means of this map's channels: nothing but pooling comes after it."""
    width = getattr(model, "head_hidden_size", None) or getattr(model, "num_features", None)
    return _feature_info(model)[index]["num_chs"] == width and not hasattr(model, "conv_head")
