"""Heatmaps of transformers: equal to zennit-crp's, accounted for at every block, and a slow replica of the rules."""

import copy
import itertools
from collections.abc import Callable

import pytest
import torch
from crp.attribution import CondAttribution
from crp.concepts import ChannelConcept
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from zennit.composites import SpecialFirstLayerMapComposite
from zennit.layer import Sum
from zennit.rules import Epsilon, Flat, Norm
from zennit.rules import Pass as ZennitPass

from nero_core.models.canonizers import canonize
from nero_core.models.canonizers_vit import AttentionMix, TokenEmbedding, TokenPool
from nero_core.relevance.attribution_copy import AttributionCopy
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor, conditions
from nero_core.types import Head

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
WIDTH = 16
KINDS: dict[str, dict[str, object]] = {
    "class token": {},
    "average of the patches": {"global_pool": "avg"},
    "registers, layer scale, normalised queries": {"reg_tokens": 2, "init_values": 0.5, "qk_norm": True},
    "DeiT III": {"no_embed_class": True, "init_values": 0.7},
}


def lively(dtype: torch.dtype = torch.float64, **options: object) -> VisionTransformer:
    """Random weights, with biases and norms that are far from the identity."""
    torch.manual_seed(0)
    model = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=WIDTH, depth=3, num_heads=2, num_classes=3, **options
    )
    for name, parameter in model.named_parameters():
        if "norm" in name and name.endswith("weight"):
            parameter.data.uniform_(0.5, 1.5)
        elif parameter.ndim > 1:
            parameter.data.normal_(0, 0.3)
        else:
            parameter.data.normal_(0, 0.2)
    return model.to(dtype).eval().requires_grad_(False)


def image(seed: int = 1) -> Float[Tensor, "1 3 32 32"]:
    return torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def normalised(pixels: Tensor, model: nn.Module) -> Tensor:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return ((pixels - mean) / std).to(next(model.parameters()))


def closed_form(
    model: VisionTransformer, pixels: Tensor
) -> tuple[Float[Tensor, " neurons"], Float[Tensor, " classes"]]:
    features = model.forward_head(model.forward_features(normalised(pixels, model)), pre_logits=True)
    relevance, _ = neuron_relevance(features, Head(model.head.weight, model.head.bias))
    return relevance[0], model.head(features)[0].softmax(dim=0)


def zennits_composite() -> SpecialFirstLayerMapComposite:
    """The recipe in zennit's own rules and hooks."""
    layers = [
        ((nn.GELU, type(lively(init_values=0.5).blocks[0].ls1)), ZennitPass()),
        ((Sum, AttentionMix, TokenEmbedding, TokenPool), Norm()),
        ((nn.Linear, nn.LayerNorm), Epsilon(1e-6)),
    ]
    return SpecialFirstLayerMapComposite(layers, [(nn.Conv2d, Flat())])


def token_mask(row: int, channels: list[int], layer: str) -> Callable[[Tensor], Tensor]:
    """zennit-crp's mask, whose channels are on the second axis, where a transformer has its tokens."""
    masked = ChannelConcept.mask(row, channels)
    return lambda relevance: masked(relevance.movedim(-1, 1)).movedim(1, -1)


def crp(model: VisionTransformer, channels: list[int], **kwargs: object) -> object:
    """zennit-crp as its authors run it, on a canonized copy, one image at a time: the mix holds one image's weights."""
    canonized = copy.deepcopy(model)
    canonize(canonized)
    _, p = closed_form(model, image())
    results = []
    for channel in channels or [None]:
        data = normalised(image(), model).requires_grad_()
        asked = [{} if channel is None else {"fc_norm": [channel]}]
        results.append(
            CondAttribution(canonized)(
                data, asked, zennits_composite(), init_rel=p[None], mask_map=token_mask, **kwargs
            )
        )
    return results


@pytest.mark.parametrize("kind", KINDS)
def test_relevance_at_the_features_is_the_closed_form(kind: str) -> None:
    model = lively(**KINDS[kind])
    (result,) = crp(model, [], record_layer=["fc_norm"])
    relevance = ChannelConcept().attribute(result.relevances["fc_norm"].movedim(-1, 1), abs_norm=False)[0]
    torch.testing.assert_close(relevance, closed_form(model, image())[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_heatmaps_are_those_of_zennit_crp(kind: str) -> None:
    model = lively(**KINDS[kind])
    r, _ = closed_form(model, image())
    channels = r.abs().topk(3).indices.tolist()
    heatmaps = Attributor(model, MEAN, STD).heatmaps(image(), conditions(r, channels)).maps.double()
    for heatmap, result in zip(heatmaps, crp(model, channels), strict=True):
        expected = result.heatmap[0]
        assert float(expected.abs().max()) > 0
        # fc_norm is the identity for a class token: crp's closed form and the initial relevance agree only up to ε =
        # 1e-6
        assert float((heatmap - expected).abs().max()) <= 1e-4 * float(expected.abs().max())


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_heatmaps_of_all_channels_sum_to_the_unconditional_one(kind: str) -> None:
    model = lively(**KINDS[kind])
    attributor, (r, _) = Attributor(model, MEAN, STD), closed_form(model, image())
    whole = attributor.heatmaps(image(), r[None]).maps[0]
    parts = attributor.heatmaps(image(), conditions(r, range(WIDTH)), chunk=5).maps
    torch.testing.assert_close(parts.sum(dim=0), whole, rtol=1e-4, atol=1e-5 * float(parts.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_every_block_accounts_for_all_of_the_initial_relevance(kind: str, dtype: torch.dtype) -> None:
    model = lively(dtype, **KINDS[kind])
    r, _ = closed_form(model, image())
    blocks = Attributor(model, MEAN, STD).blocks(image(), r)
    assert [block.name for block in blocks] == ["blocks.2", "blocks.1", "blocks.0", "pixels"]
    assert [block.ratio for block in blocks] == pytest.approx([1.0] * 4, abs=0.01)
    assert max(abs(block.absorbed) for block in blocks) > 0.05 * abs(float(r.sum()))


def test_without_biases_relevance_itself_is_conserved_down_to_the_first_block() -> None:
    model = lively()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data.zero_()
    r, _ = closed_form(model, image())
    blocks = Attributor(model, MEAN, STD).blocks(image(), r)
    for block in blocks[:-1]:
        assert block.absorbed == pytest.approx(0, abs=1e-9)
        assert block.relevance == pytest.approx(float(r.sum()), rel=1e-3)
    assert blocks[-1].absorbed != 0  # the class token and the position embedding take the rest


def dense_block(block: nn.Module, x: Float[Tensor, "tokens width"], relevance: Tensor) -> Float[Tensor, "tokens width"]:
    """A whole transformer block, one contribution at a time: each step is ``R_i = Σ_o z_io/(z_o + ε sign z_o)·R_o``."""

    def share(parts: Tensor, total: Tensor, upper: Tensor) -> Tensor:
        stabilised = total + 1e-6 * torch.where(total < 0, -1.0, 1.0)
        return sum(parts[:, o] * upper[o] / stabilised[o] for o in range(len(total)))

    def linear(layer: nn.Linear, values: Tensor, upper: Tensor) -> Tensor:
        return share(values[:, None] * layer.weight.T, layer(values), upper)

    def norm(layer: nn.LayerNorm, values: Tensor, upper: Tensor) -> Tensor:
        deviation = (values.var(unbiased=False) + layer.eps).sqrt()
        matrix = (torch.eye(len(values)).double() - 1 / len(values)) * layer.weight / deviation  # input × output
        return share(values[:, None] * matrix, values @ matrix + layer.bias, upper)

    def add(addend: Tensor, other: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        total = addend + other
        share_of_all = upper / (total + 1e-6 * torch.where(total < 0, -1.0, 1.0))
        return addend * share_of_all, other * share_of_all

    tokens, width = x.shape
    attention, heads = block.attn, block.attn.num_heads
    size = width // heads
    normed = block.norm1(x)
    q, k, v = attention.qkv(normed).split(width, dim=-1)
    values_layer = nn.Linear(width, width).double().requires_grad_(False)
    values_layer.weight.copy_(attention.qkv.weight[2 * width :])
    values_layer.bias.copy_(attention.qkv.bias[2 * width :])
    mixed, weights = torch.zeros_like(x), {}
    for head in range(heads):
        span = slice(head * size, (head + 1) * size)
        weights[head] = (q[:, span] @ k[:, span].T / size**0.5).softmax(dim=-1)
        mixed[:, span] = weights[head] @ v[:, span]
    attended = attention.proj(mixed)
    middle = x + attended
    hidden = block.mlp.fc1(block.norm2(middle))
    moved = block.mlp.fc2(block.mlp.act(hidden))

    upper_middle, upper_moved = add(middle, moved, relevance)
    for t in range(tokens):
        at_hidden = linear(block.mlp.fc2, block.mlp.act(hidden[t]), upper_moved[t])  # GELU passes it on
        at_norm = linear(block.mlp.fc1, block.norm2(middle[t]), at_hidden)
        upper_middle[t] += norm(block.norm2, middle[t], at_norm)
    result, upper_attended = add(x, attended, upper_middle)
    at_mixed = torch.stack([linear(attention.proj, mixed[t], upper_attended[t]) for t in range(tokens)])
    at_values = torch.zeros_like(x)
    for head, s, t in itertools.product(range(heads), range(tokens), range(tokens)):
        span = slice(head * size, (head + 1) * size)
        total = mixed[t, span] + 1e-6 * torch.where(mixed[t, span] < 0, -1.0, 1.0)
        at_values[s, span] += weights[head][t, s] * v[s, span] / total * at_mixed[t, span]
    for t in range(tokens):
        result[t] += norm(block.norm1, x[t], linear(values_layer, normed[t], at_values[t]))
    return result


def test_a_block_is_the_dense_formula() -> None:
    model = lively()
    (result,) = crp(model, [], record_layer=["blocks.0", "blocks.1"])
    x, upper = result.activations["blocks.0"][0], result.relevances["blocks.1"][0]
    expected = dense_block(model.blocks[1], x, upper)
    torch.testing.assert_close(result.relevances["blocks.0"][0], expected, rtol=1e-6, atol=1e-9)


def test_the_channels_that_feed_a_channel_add_up_to_what_reaches_that_stage() -> None:
    model = lively()
    attributor, (r, _) = Attributor(model, MEAN, STD), closed_form(model, image())
    initial_relevance = conditions(r, [int(r.abs().argmax())])[0]
    upstream = attributor.upstream_channels(image(), initial_relevance, count=WIDTH)
    stage = next(block for block in attributor.blocks(image(), initial_relevance) if block.name == "blocks.1")
    assert upstream.stage == "blocks.1" and sorted(upstream.channels) == list(range(WIDTH))
    assert sum(upstream.relevance) == pytest.approx(stage.relevance, rel=1e-6)
    magnitudes = [abs(value) for value in upstream.relevance]
    assert magnitudes == sorted(magnitudes, reverse=True)
    whole = attributor.heatmaps(image(), initial_relevance[None]).maps[0]
    torch.testing.assert_close(upstream.heatmaps.sum(dim=0), whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


def test_relevance_within_a_patch_is_even_as_flat_has_it() -> None:
    model = lively()
    maps = Attributor(model, MEAN, STD).heatmaps(image(), closed_form(model, image())[0][None]).maps[0]
    patches = maps.unfold(0, 8, 8).unfold(1, 8, 8).flatten(2)
    torch.testing.assert_close(patches, patches[..., :1].expand_as(patches))


def test_gradient_times_input_is_autograds() -> None:
    model = lively()
    r, _ = closed_form(model, image())
    data = normalised(image(), model).requires_grad_()
    features = model.forward_head(model.forward_features(data), pre_logits=True)[0]
    (gradient,) = torch.autograd.grad((features * (r / features.detach())).sum(), data)
    heatmap = Attributor(model, MEAN, STD, "gradient_times_input").heatmaps(image(), r[None]).maps[0].double()
    expected = (gradient * data.detach())[0].sum(dim=0)
    torch.testing.assert_close(heatmap, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


def test_the_plain_model_is_untouched_bit_for_bit() -> None:
    model = lively(torch.float32)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    before = {id(module): sorted(vars(module)) for module in model.modules()}
    fused = [block.attn.fused_attn for block in model.blocks]
    logits = model(image())
    for composite in ("epsilon", "gradient_times_input"):
        attributor = Attributor(model, MEAN, STD, composite)
        attributor.heatmaps(image(), torch.rand(2, WIDTH))
        attributor.blocks(image(), torch.rand(WIDTH))
        attributor.upstream_channels(image(), torch.rand(WIDTH))
    assert {id(module): sorted(vars(module)) for module in model.modules()} == before
    assert [block.attn.fused_attn for block in model.blocks] == fused == [True] * 3
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(image()), logits)


def test_the_attribution_copy_keeps_nothing_of_the_image() -> None:
    attribution_copy = AttributionCopy(lively(), MEAN, STD, None, None)
    with attribution_copy.graph(image()) as graph:
        graph.heatmaps(graph.features, graph.initial_signal(torch.rand(1, WIDTH).to(graph.features)), chunk=1)
        assert len(attribution_copy.mixes) == 3 and any(mix.weights is not None for mix in attribution_copy.mixes)
        assert len(attribution_copy.hooks) > 30 and any(hook.stored_tensors for hook in attribution_copy.hooks)
    assert all(mix.weights is None for mix in attribution_copy.mixes)
    assert not any(hook.stored_tensors for hook in attribution_copy.hooks)
