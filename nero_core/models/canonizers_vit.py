"""Canonizers of timm's VisionTransformer (ViT, DeiT): every block becomes a chain of modules that LRP has a rule for.

Between the softmaxes, the deviations of LayerNorm and the GELUs, which are taken as they are in this image, a
transformer is linear; the modules here are its linear pieces.

Reference: Ali et al., "XAI for transformers: better explanations through conservative propagation", ICML 2022
    (attention and LayerNorm as linear maps whose weights are constants).
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from timm.layers.activations import GELU, GELUTanh, QuickGELU
from timm.layers.attention import Attention
from timm.layers.drop import DropPath
from timm.layers.layer_scale import LayerScale
from timm.layers.mlp import Mlp
from timm.layers.norm import LayerNorm
from timm.layers.patch_embed import PatchEmbed
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from zennit.canonizers import AttributeCanonizer
from zennit.layer import Sum

LAYER_NORMS = (nn.LayerNorm, LayerNorm)
GELUS = (nn.GELU, GELU, GELUTanh, QuickGELU)


class AttentionMix(nn.Module):
    """``Σ_s A_ts v_s`` in each head: values mixed over tokens by attention weights that are constants of the image.

    Attributes:
        weights: ``A = softmax(q kᵀ/√d)``, set in each forward pass of the attention.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weights: Float[Tensor, "batch heads tokens tokens"] | None = None

    def forward(self, values: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """Mix; linear in the values, so that relevance reaches them and no query or key."""
        assert self.weights is not None
        batch, tokens, width = values.shape
        heads = self.weights.shape[1]
        split = values.reshape(batch, tokens, heads, width // heads).transpose(1, 2)
        return (self.weights @ split).transpose(1, 2).reshape(batch, tokens, width)


class TokenEmbedding(nn.Module):
    """Joins the class token and adds the position embedding: affine in the patches, with these as its bias."""

    def __init__(self, model: VisionTransformer) -> None:
        super().__init__()
        self._embed = partial(VisionTransformer._pos_embed, model)  # no module, so that the model is not its own child

    def forward(self, patches: Float[Tensor, "batch *patches width"]) -> Float[Tensor, "batch tokens width"]:
        """The tokens that enter the first block."""
        return self._embed(patches)


class TokenPool(nn.Module):
    """What is pooled to the features: the class token, or the mean of the patches' tokens."""

    def __init__(self, model: VisionTransformer) -> None:
        super().__init__()
        self._pool = partial(VisionTransformer.pool, model)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch width"]:
        """Pool as the model does."""
        return self._pool(tokens)


class DetachedLayerNorm(AttributeCanonizer):
    """``y = γ·(x − mean x)/σ + β`` with the deviation σ taken as a constant: affine in x."""

    def __init__(self) -> None:
        super().__init__(_layer_norm_attributes)


class LinearAttention(AttributeCanonizer):
    """Attention as ``W_o·mix(W_v x)``, linear in the values; the weights of the mix are constants of the image."""

    def __init__(self) -> None:
        super().__init__(_attention_attributes)


class TransformerSum(AttributeCanonizer):
    """Let both residual adds of each block, the token embedding and the pooling run through modules of their own."""

    def __init__(self) -> None:
        super().__init__(_sum_attributes)


def vit_blocks(model: nn.Module) -> list[str]:
    """The names of the transformer blocks, in the order of the forward pass."""
    return [f"blocks.{name}" for name, _ in model.get_submodule("blocks").named_children()]


def vit_obstacle(model: nn.Module) -> str | None:
    """What in this transformer has no LRP rule here, or None."""
    if model.attn_pool is not None or model.global_pool not in ("token", "avg"):
        return f"its features are pooled by {model.global_pool!r}, and only the class token and the average have a rule"
    if len(vit_blocks(model)) < 2:
        return "it has one block only, and the stage below the features is the block before the last"
    for name, module in model.named_modules():
        if isinstance(module, Attention) and module.gate is not None:
            return f"attention {name} has a gate, which has no LRP rule here"
        if isinstance(module, LAYER_NORMS) and len(module.normalized_shape) != 1:
            return f"{name} normalises over {len(module.normalized_shape)} axes, and only channels have a rule here"
        if type(module) not in _LAYERS:
            return f"layer {name} is a {type(module).__name__}, which has no LRP rule here"
    return None


def _layer_norm_attributes(name: str, module: nn.Module) -> dict[str, Any] | None:
    return {"forward": partial(_layer_norm_forward, module)} if isinstance(module, LAYER_NORMS) else None


def _layer_norm_forward(self: nn.LayerNorm, x: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.detach().square().mean(dim=-1, keepdim=True)
    y = centred * (variance + self.eps).rsqrt()
    y = y if self.weight is None else y * self.weight
    return y if self.bias is None else y + self.bias


def _attention_attributes(name: str, module: nn.Module) -> dict[str, Any] | None:
    if type(module) is not Attention:
        return None
    width = module.attn_dim
    values = nn.Linear(module.qkv.in_features, width, bias=module.qkv.bias is not None, device="meta")
    values.weight = nn.Parameter(module.qkv.weight.detach()[2 * width :], requires_grad=False)
    if module.qkv.bias is not None:
        values.bias = nn.Parameter(module.qkv.bias.detach()[2 * width :], requires_grad=False)
    forward = partial(_attention_forward, module)
    return {"forward": forward, "canonizer_values": values, "canonizer_mix": AttentionMix()}


def _attention_forward(
    self: Any,  # noqa: ANN401  # nn.Module's attributes have no types
    x: Float[Tensor, "batch tokens width_in"],
    attn_mask: None = None,
    is_causal: bool = False,
) -> Float[Tensor, "batch tokens width"]:
    with torch.no_grad():  # queries and keys only say how the values are mixed
        bias = None if self.qkv.bias is None else self.qkv.bias[: 2 * self.attn_dim]
        both = functional.linear(x, self.qkv.weight[: 2 * self.attn_dim], bias)
        q, k = both.unflatten(-1, (2, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        self.canonizer_mix.weights = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
    return self.proj(self.norm(self.canonizer_mix(self.canonizer_values(x))))  # type: ignore[no-any-return]


def _sum_attributes(name: str, module: nn.Module) -> dict[str, Any] | None:
    if type(module) is Block:
        forward = partial(_block_forward, module)
        return {"forward": forward, "canonizer_sum_attention": Sum(), "canonizer_sum_mlp": Sum()}
    if type(module) is VisionTransformer:
        return {
            "canonizer_embedding": TokenEmbedding(module),
            "canonizer_pool": TokenPool(module),
            "_pos_embed": partial(_through, module, "canonizer_embedding"),
            "pool": partial(_through, module, "canonizer_pool"),
        }
    return None


def _block_forward(
    self: Any,  # noqa: ANN401  # nn.Module's attributes have no types
    x: Float[Tensor, "batch tokens width"],
) -> Float[Tensor, "batch tokens width"]:
    x = self.canonizer_sum_attention(torch.stack([x, self.ls1(self.attn(self.norm1(x)))], dim=-1))
    return self.canonizer_sum_mlp(torch.stack([x, self.ls2(self.mlp(self.norm2(x)))], dim=-1))  # type: ignore[no-any-return]


def _through(model: nn.Module, name: str, x: Tensor) -> Tensor:
    result: Tensor = model.get_submodule(name)(x)
    return result


# Containers and layers that have a rule, or are the identity in eval mode. Exact types, as for ResNet.
_LAYERS = (
    VisionTransformer, nn.Sequential, Block, Attention, Mlp, PatchEmbed, nn.Conv2d, nn.Linear, LayerScale, nn.Identity,
    nn.Dropout, DropPath, *LAYER_NORMS, *GELUS,
)  # fmt: skip
