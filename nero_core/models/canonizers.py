"""Canonizers: give an attribution copy of a timm classifier the form in which LRP rules may be applied to it.

Reference: Anders et al., "Software for Dataset-wide XAI: from local explanations to global insights with Zennit,
    CoRelAy, and ViRelAy", 2021 (canonizers).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jaxtyping import Float
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.layers.drop import DropBlock2d, DropPath
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn, stack
from torch.nn.modules.batchnorm import _BatchNorm
from zennit.canonizers import AttributeCanonizer, Canonizer, SequentialMergeBatchNorm
from zennit.layer import Sum

from nero_core.errors import RelevanceError


@dataclass(frozen=True)
class Canonized:
    """What was changed in one model.

    Attributes:
        residual_sums: number of residual adds that became a `zennit.layer.Sum`.
        merged_batch_norms: number of BatchNorms merged into the convolution before them.
        applied: the zennit canonizers in effect.
    """

    residual_sums: int
    merged_batch_norms: int
    applied: tuple[Canonizer, ...]

    def remove(self) -> None:
        """Give the model back the form that it had."""
        for canonizer in reversed(self.applied):
            canonizer.remove()


@dataclass(frozen=True)
class Family:
    """How one architecture family is canonized.

    Attributes:
        canonizers: makes fresh zennit canonizers, in the order in which they apply.
        residual_blocks: number of residual adds that a model of the family has.
        obstacle: what in this model has no LRP rule here, or None.
    """

    canonizers: Callable[[], list[Canonizer]]
    residual_blocks: Callable[[nn.Module], int]
    obstacle: Callable[[nn.Module], str | None]


def canonize(model: nn.Module) -> Canonized:
    """Canonize the model in place: residual adds become modules, BatchNorm is merged into the convolution before it.

    The outputs stay what they were, up to rounding. Only this instance is changed, never a class.

    Args:
        model: an attribution copy, in eval mode; never the model that serves predictions, whose weights would change.

    Raises:
        RelevanceError: the family is unknown, has a layer without a rule, or not everything was canonized. zennit's
            own `ResNetCanonizer` inserts no Sum at all into a timm ResNet and says nothing, hence the counts. The
            model is left as it was.
    """
    family = family_of(model)
    expected_sums = family.residual_blocks(model)
    expected_norms = sum(isinstance(module, _BatchNorm) for module in model.modules())
    applied = tuple(instance for canonizer in family.canonizers() for instance in canonizer.apply(model))
    sums = sum(isinstance(module, Sum) for module in model.modules())
    norms = sum(isinstance(instance, MergeBatchNorm) for instance in applied)
    canonized = Canonized(sums, norms, applied)
    if (sums, norms) != (expected_sums, expected_norms):
        canonized.remove()
        raise RelevanceError(
            f"No heatmap for this {type(model).__name__}: expected {expected_sums} residual sums and {expected_norms} "
            f"merged BatchNorms, found {sums} and {norms}. Relevance would not be conserved; use a plain timm ResNet "
            "(BasicBlock or Bottleneck), or add canonizers for this block to nero_core/models/canonizers.py."
        )
    return canonized


def family_of(model: nn.Module) -> Family:
    """The entry of `FAMILIES` for this model.

    Raises:
        RelevanceError: no entry, or the model has a layer without an LRP rule.
    """
    family = FAMILIES.get(type(model))
    if family is None:
        known = ", ".join(sorted(kind.__name__ for kind in FAMILIES))
        raise RelevanceError(
            f"No heatmap for this architecture, because there are no canonizers for it: expected one of {known}, found "
            f"{type(model).__name__}. Detection works without heatmaps; for heatmaps use a timm ResNet, e.g. resnet18."
        )
    obstacle = family.obstacle(model)
    if obstacle is not None:
        raise RelevanceError(
            f"No heatmap for this architecture, because {obstacle}. Detection works without heatmaps; for heatmaps use "
            "a plain timm ResNet, e.g. resnet18 or resnet50."
        )
    return family


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
_RESNET_LAYERS = (
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.Linear,
    nn.Flatten, nn.Dropout, DropPath, DropBlock2d,
)  # fmt: skip


def _resnet_obstacle(model: nn.Module) -> str | None:
    pool = model.global_pool
    if not isinstance(pool, SelectAdaptivePool2d) or pool.pool_type != "avg":
        found = getattr(pool, "pool_type", type(pool).__name__)
        return f"its features are pooled by {found!r}, and only global average pooling ('avg') has a rule here"
    for name, module in model.named_modules():
        if getattr(module, "se", None) is not None:
            return f"block {name} has attention ({type(module.se).__name__}), which has no LRP rule here"
        if type(module) is nn.BatchNorm2d and not (module.affine and module.track_running_stats):
            return f"{name} is a BatchNorm without fixed statistics or without weights, which cannot be merged"
        if not any(module.children()) and type(module) not in _RESNET_LAYERS:
            return f"layer {name} is a {type(module).__name__}, which has no LRP rule here"
    return None


def _resnet_blocks(model: nn.Module) -> int:
    stages = (model.get_submodule(f"layer{stage}") for stage in (1, 2, 3, 4))
    return sum(len(list(stage.children())) for stage in stages)


FAMILIES: Mapping[type[nn.Module], Family] = MappingProxyType(
    {ResNet: Family(lambda: [ResidualSum(), MergeBatchNorm()], _resnet_blocks, _resnet_obstacle)}
)
