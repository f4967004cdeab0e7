"""Canonizers of timm's EfficientNet without squeeze-and-excitation (EfficientNet-Lite, MobileNet-V2)."""

from functools import partial
from typing import Any

from jaxtyping import Float
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.drop import DropPath
from timm.layers.norm_act import BatchNormAct2d
from timm.models._efficientnet_blocks import ConvBnAct, DepthwiseSeparableConv, InvertedResidual
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn, stack
from zennit.canonizers import AttributeCanonizer, MergeBatchNorm
from zennit.layer import Sum

from nero_core.models.canonizers_resnet import pooling_obstacle

# The convolution before each BatchNorm, by the type of the module that holds both. Exact types.
_PAIRS = {
    EfficientNet: (("conv_stem", "bn1"), ("conv_head", "bn2")),
    ConvBnAct: (("conv", "bn1"),),
    DepthwiseSeparableConv: (("conv_dw", "bn1"), ("conv_pw", "bn2")),
    InvertedResidual: (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")),
}
_BLOCKS = (ConvBnAct, DepthwiseSeparableConv, InvertedResidual)


class MergeBatchNormAct(MergeBatchNorm):
    """Merge the BatchNorm of each timm `BatchNormAct2d` into the convolution before it; its activation stays.

    Differs: zennit's `SequentialMergeBatchNorm` looks at modules without children, which a `BatchNormAct2d` is not.
    """

    def apply(self, root_module: nn.Module) -> list["MergeBatchNormAct"]:
        """Merge all pairs of the model's blocks."""
        instances = []
        for module in root_module.modules():
            for linear, batch_norm in _PAIRS.get(type(module), ()):
                instance = type(self)()
                instance.register((getattr(module, linear),), getattr(module, batch_norm))
                instances.append(instance)
        return instances

    def register(self, linears: tuple[nn.Module, ...], batch_norm: nn.Module) -> None:
        """Merge, and leave the activation of this instance in its place."""
        super().register(linears, batch_norm)
        batch_norm.forward = partial(_activate, batch_norm)

    def remove(self) -> None:
        """Undo the merge."""
        del self.batch_norm.forward
        super().remove()


class InvertedResidualSum(AttributeCanonizer):
    """Let the residual add of each block that has one run through a `zennit.layer.Sum` of that instance."""

    def __init__(self) -> None:
        super().__init__(_residual_attributes)


def efficientnet_blocks(model: nn.Module) -> list[str]:
    """The names of the blocks, in the order of the forward pass."""
    stages = model.get_submodule("blocks").named_children()
    return [f"blocks.{stage}.{name}" for stage, blocks in stages for name, _ in blocks.named_children()]


def residual_adds(model: nn.Module) -> int:
    """The number of blocks whose input is added to their output."""
    return sum(bool(getattr(module, "has_skip", False)) for module in model.modules())


def efficientnet_obstacle(model: nn.Module) -> str | None:
    """What in this EfficientNet has no LRP rule here, or None."""
    pooled = pooling_obstacle(model)
    if pooled is not None:
        return pooled
    for name, module in model.named_modules():
        if not isinstance(getattr(module, "se", None), nn.Identity | None):
            return f"block {name} has squeeze-and-excitation ({type(module.se).__name__}), which has no LRP rule here"
    for name, module in model.named_modules():
        if getattr(module, "conv_s2d", None) is not None:
            return f"block {name} moves space to depth, which has no canonizer here"
        if type(module) is BatchNormAct2d and not (module.affine and module.track_running_stats):
            return f"{name} is a BatchNorm without fixed statistics or without weights, which cannot be merged"
        if type(module) not in _LAYERS:
            return f"layer {name} is a {type(module).__name__}, which has no LRP rule here"
    return None


def _activate(self: Any, x: Tensor) -> Tensor:  # noqa: ANN401
    result: Tensor = self.act(self.drop(x))
    return result


def _residual_attributes(name: str, module: nn.Module) -> dict[str, Any] | None:
    if type(module) not in _BLOCKS or not module.has_skip:
        return None
    return {"forward": partial(_block_forward, module), "canonizer_sum": Sum()}


def _block_forward(
    self: Any,  # noqa: ANN401  # nn.Module's attributes have no types
    x: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels height width"]:
    shortcut = x
    for convolution, batch_norm in _PAIRS[type(self)]:
        x = getattr(self, batch_norm)(getattr(self, convolution)(x))
    return self.canonizer_sum(stack([shortcut, x], dim=-1))  # type: ignore[no-any-return]


# Containers and layers that have a rule, or are the identity in eval mode. Exact types, as for ResNet.
_LAYERS = (
    EfficientNet, nn.Sequential, *_BLOCKS, nn.Conv2d, Conv2dSame, BatchNormAct2d, nn.ReLU, nn.ReLU6, nn.Identity,
    SelectAdaptivePool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear, DropPath,
)  # fmt: skip
