"""Canonizers of timm's ResNet: residual adds become modules, BatchNorm is merged into the convolution before it."""

from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.drop import DropBlock2d, DropPath
from timm.models.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn, stack
from zennit.canonizers import AttributeCanonizer, SequentialMergeBatchNorm
from zennit.layer import Sum


class MergeBatchNorm(SequentialMergeBatchNorm):
    """Merge each BatchNorm into the convolution right before it: ``W ← W·γ/√(σ²+ε)``, ``b ← (b − μ)·γ/√(σ²+ε) + β``.

    Differs: zennit 0.4.6 leaves the BatchNorm in place with σ² = 1, so that every one still shrinks its input by
        ``1/√(1+ε)``; here its forward is the identity, exactly.
    """

    def register(self, linears: tuple[nn.Module, ...], batch_norm: nn.Module) -> None:
        """Merge, and let this BatchNorm instance hand on its input."""
        super().register(linears, batch_norm)
        batch_norm.forward = _identity

    def remove(self) -> None:
        """Undo the merge."""
        del self.batch_norm.forward
        super().remove()


class ResidualSum(AttributeCanonizer):
    """Let the residual add of each timm BasicBlock and Bottleneck run through a `zennit.layer.Sum` of that instance."""

    def __init__(self) -> None:
        super().__init__(_residual_attributes)


def resnet_blocks(model: nn.Module) -> list[str]:
    """The names of the residual blocks, in the order of the forward pass."""
    return [f"layer{stage}.{name}" for stage in (1, 2, 3, 4) for name, _ in _children(model, f"layer{stage}")]


def resnet_obstacle(model: nn.Module) -> str | None:
    """What in this ResNet has no LRP rule here, or None."""
    pooled = pooling_obstacle(model)
    if pooled is not None:
        return pooled
    for name, module in model.named_modules():
        if getattr(module, "se", None) is not None:
            return f"block {name} has attention ({type(module.se).__name__}), which has no LRP rule here"
        if type(module) is nn.BatchNorm2d and not (module.affine and module.track_running_stats):
            return f"{name} is a BatchNorm without fixed statistics or without weights, which cannot be merged"
        if not any(module.children()) and type(module) not in _LAYERS:
            return f"layer {name} is a {type(module).__name__}, which has no LRP rule here"
    return None


def pooling_obstacle(model: nn.Module) -> str | None:
    """Says so where the features are not the average of each channel's map."""
    pool = model.global_pool
    if isinstance(pool, SelectAdaptivePool2d) and pool.pool_type == "avg":
        return None
    kind = getattr(pool, "pool_type", type(pool).__name__)
    return f"its features are pooled by {kind!r}, and only global average pooling ('avg') has a rule here"


def _children(model: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    return model.get_submodule(name).named_children()


def _residual_attributes(name: str, module: nn.Module) -> dict[str, Any] | None:
    forwards = {BasicBlock: _basic_block_forward, Bottleneck: _bottleneck_forward}
    forward = forwards.get(type(module))
    return None if forward is None else {"forward": forward.__get__(module), "canonizer_sum": Sum()}


def _basic_block_forward(
    self: Any,  # noqa: ANN401  # nn.Module's attributes have no types
    x: Float[Tensor, "batch channels_in height_in width_in"],
) -> Float[Tensor, "batch channels height width"]:
    shortcut = x if self.downsample is None else self.downsample(x)
    x = self.aa(self.act1(self.drop_block(self.bn1(self.conv1(x)))))
    x = self.bn2(self.conv2(x))
    x = self.act2(self.canonizer_sum(stack([shortcut, x], dim=-1)))
    return x


def _bottleneck_forward(
    self: Any,  # noqa: ANN401  # nn.Module's attributes have no types
    x: Float[Tensor, "batch channels_in height_in width_in"],
) -> Float[Tensor, "batch channels height width"]:
    shortcut = x if self.downsample is None else self.downsample(x)
    x = self.act1(self.bn1(self.conv1(x)))
    x = self.aa(self.act2(self.drop_block(self.bn2(self.conv2(x)))))
    x = self.bn3(self.conv3(x))
    x = self.act3(self.canonizer_sum(stack([shortcut, x], dim=-1)))
    return x


def _identity(x: Tensor) -> Tensor:
    return x


# Layers that have a rule in the composites, hand relevance on as their gradient does (max pooling: the winner takes
# all), or are the identity in eval mode. Exact types: a subclass may compute something else.
_LAYERS = (
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.Linear,
    nn.Flatten, nn.Dropout, DropPath, DropBlock2d,
)  # fmt: skip
