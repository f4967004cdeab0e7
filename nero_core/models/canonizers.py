"""Canonizers: give an attribution copy of a timm classifier the form in which LRP rules may be applied to it.

Reference: Anders et al., "Software for Dataset-wide XAI: from local explanations to global insights with Zennit,
    CoRelAy, and ViRelAy", 2021 (canonizers).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from timm.models.efficientnet import EfficientNet
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from zennit.canonizers import Canonizer
from zennit.canonizers import MergeBatchNorm as AnyMergeBatchNorm
from zennit.layer import Sum

from nero_core.errors import RelevanceError
from nero_core.models.canonizers_efficientnet import (
    InvertedResidualSum,
    MergeBatchNormAct,
    efficientnet_blocks,
    efficientnet_obstacle,
    residual_adds,
)
from nero_core.models.canonizers_resnet import MergeBatchNorm, ResidualSum, resnet_blocks, resnet_obstacle
from nero_core.models.canonizers_vit import (
    LAYER_NORMS,
    AttentionMix,
    DetachedLayerNorm,
    LinearAttention,
    TransformerSum,
    vit_blocks,
    vit_obstacle,
)


@dataclass(frozen=True)
class Canonized:
    """What was changed in one model.

    Attributes:
        residual_sums: number of residual adds that became a `zennit.layer.Sum`.
        merged_batch_norms: number of BatchNorms merged into the convolution before them.
        layer_norms: number of LayerNorms whose deviation is taken as a constant.
        attentions: number of attentions that are linear in their values.
        applied: the zennit canonizers in effect.
    """

    residual_sums: int
    merged_batch_norms: int
    layer_norms: int
    attentions: int
    applied: tuple[Canonizer, ...]

    def remove(self) -> None:
        """Give the model back the form that it had."""
        for canonizer in reversed(self.applied):
            canonizer.remove()


@dataclass(frozen=True)
class Family:
    """How one architecture family is canonized.

    Attributes:
        name: of the family.
        layout: "maps" where a block's output is ``batch channels height width``, "tokens" where it is
            ``batch tokens channels``.
        canonizers: makes fresh zennit canonizers, in the order in which they apply.
        residual_adds: number of residual adds that a model of the family has.
        blocks: names of the blocks in the order of the forward pass; each block's input is all of the output of the one
            before it.
        previous_stage: name of the module one stage below the features.
        obstacle: what in this model has no LRP rule here, or None.
    """

    name: Literal["resnet", "efficientnet", "vit"]
    layout: Literal["maps", "tokens"]
    canonizers: Callable[[], list[Canonizer]]
    residual_adds: Callable[[nn.Module], int]
    blocks: Callable[[nn.Module], list[str]]
    previous_stage: Callable[[nn.Module], str]
    obstacle: Callable[[nn.Module], str | None]


def canonize(model: nn.Module) -> Canonized:
    """Canonize the model in place: residual adds become modules, BatchNorm is merged into the convolution before it,
    LayerNorm and attention become linear.

    The outputs stay what they were, up to rounding. Only this instance is changed, never a class.

    Args:
        model: an attribution copy, in eval mode; never the model that serves predictions, whose weights would change.

    Raises:
        RelevanceError: the family is unknown, has a layer without a rule, or not everything was canonized. zennit's
            own `ResNetCanonizer` inserts no Sum at all into a timm ResNet and says nothing, hence the counts. The
            model is left as it was.
    """
    family = family_of(model)
    modules = list(model.modules())
    expected = {
        "residual sums": family.residual_adds(model),
        "merged BatchNorms": sum(isinstance(module, _BatchNorm) for module in modules),
        "linear LayerNorms": sum(isinstance(module, LAYER_NORMS) for module in modules),
        "linear attentions": sum("Attention" in type(module).__name__ for module in modules),
    }
    applied = tuple(instance for canonizer in family.canonizers() for instance in canonizer.apply(model))
    counts = {
        "residual sums": sum(isinstance(module, Sum) for module in model.modules()),
        "merged BatchNorms": sum(isinstance(instance, AnyMergeBatchNorm) for instance in applied),
        "linear LayerNorms": sum(
            isinstance(module, LAYER_NORMS) and "forward" in vars(module) for module in model.modules()
        ),
        "linear attentions": sum(isinstance(module, AttentionMix) for module in model.modules()),
    }
    sums, norms, layer_norms, attentions = counts.values()
    canonized = Canonized(sums, norms, layer_norms, attentions, applied)
    if counts != expected:
        canonized.remove()
        parts = [part for part in expected if expected[part] or counts[part]]
        raise RelevanceError(
            f"No heatmap for this {type(model).__name__}: expected "
            f"{' and '.join(f'{expected[part]} {part}' for part in parts)}, found "
            f"{' and '.join(str(counts[part]) for part in parts)}. Relevance would not be conserved; use a plain timm "
            f"{type(model).__name__}, or add canonizers for this block to nero_core/models."
        )
    return canonized


def family_of(model: nn.Module) -> Family:
    """The entry of `FAMILIES` for this model.

    Raises:
        RelevanceError: no entry, or the model has a layer without an LRP rule.
    """
    family = FAMILIES.get(type(model))
    name = type(model).__name__
    missing = _MISSING.get(name, f"there are no canonizers for {name}")
    reason = missing if family is None else family.obstacle(model)
    if family is None or reason is not None:
        raise RelevanceError(
            f"No heatmap for this architecture, because {reason}. Detection and channel plots work without heatmaps; "
            "for heatmaps use a plain ResNet, ViT, DeiT or EfficientNet-Lite of timm, e.g. resnet18."
        )
    return family


_MISSING = {
    "VisionTransformerDistilled": "a distilled DeiT has two heads, and relevance here starts from one",
    "SwinTransformer": "SwinTransformer attends within shifted windows, for which there are no canonizers",
    "SwinTransformerV2": "SwinTransformerV2 attends within shifted windows, for which there are no canonizers",
}

FAMILIES: Mapping[type[nn.Module], Family] = MappingProxyType(
    {
        ResNet: Family(
            "resnet",
            "maps",
            lambda: [ResidualSum(), MergeBatchNorm()],
            lambda model: len(resnet_blocks(model)),
            resnet_blocks,
            lambda model: "layer3",
            resnet_obstacle,
        ),
        EfficientNet: Family(
            "efficientnet",
            "maps",
            lambda: [InvertedResidualSum(), MergeBatchNormAct()],
            residual_adds,
            efficientnet_blocks,
            lambda model: f"blocks.{len(model.get_submodule('blocks')) - 2}",  # type: ignore[arg-type]
            efficientnet_obstacle,
        ),
        VisionTransformer: Family(
            "vit",
            "tokens",
            lambda: [DetachedLayerNorm(), LinearAttention(), TransformerSum()],
            lambda model: 2 * len(vit_blocks(model)),
            vit_blocks,
            lambda model: vit_blocks(model)[-2],
            vit_obstacle,
        ),
    }
)
