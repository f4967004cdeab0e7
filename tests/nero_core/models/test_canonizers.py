"""Canonizers: everything that LRP needs is canonized, on this instance only, or there is an error."""

import copy
from functools import partialmethod

import pytest
import timm
import torch
from timm.layers import RmsNorm, SwiGLU
from timm.layers.attention import Attention
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.vision_transformer import ResPostBlock, VisionTransformer
from torch import nn
from zennit.layer import Sum
from zennit.torchvision import ResNetCanonizer

from nero_core.errors import RelevanceError
from nero_core.models import canonizers_vit
from nero_core.models.canonizers import FAMILIES, canonize
from nero_core.models.canonizers_resnet import MergeBatchNorm


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """BatchNorm statistics and weights far from the identity, so that merging matters."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return model.eval().requires_grad_(False)


def resnet(block: type[nn.Module] = BasicBlock, **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    options: dict[str, object] = {"channels": (8, 12, 16, 20), "num_classes": 3, "stem_width": 8} | kwargs
    return randomised(ResNet(block, [1, 2, 1, 1], **options))


PLAIN = {
    "basic": lambda: resnet(),
    "bottleneck": lambda: resnet(Bottleneck),
    "grouped": lambda: resnet(Bottleneck, cardinality=2, base_width=32),
    "deep stem, pooled shortcut": lambda: resnet(stem_type="deep", avg_down=True),
    "convolution for stem pool": lambda: resnet(replace_stem_pool=True),
    "stochastic depth": lambda: resnet(drop_path_rate=0.3, drop_block_rate=0.1),
}


@pytest.mark.parametrize("name", PLAIN)
def test_outputs_stay_what_they_were(name: str) -> None:
    model = PLAIN[name]()
    images = torch.rand(2, 3, 64, 64)
    canonized = copy.deepcopy(model)
    canonize(canonized)
    torch.testing.assert_close(canonized(images), model(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PLAIN)
def test_every_residual_add_and_every_batch_norm_is_canonized(name: str) -> None:
    model = PLAIN[name]()
    counts = canonize(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert counts.residual_sums == sum(isinstance(module, Sum) for module in model.modules()) == 5
    assert counts.merged_batch_norms == len(norms) > 10
    for norm in norms:
        x = torch.randn(1, norm.num_features, 2, 2)
        assert torch.equal(norm(x), x)


@pytest.mark.parametrize("name", PLAIN)
def test_removing_gives_the_model_back_bit_for_bit(name: str) -> None:
    model = PLAIN[name]()
    images = torch.rand(2, 3, 64, 64)
    logits, state = model(images), {key: value.clone() for key, value in model.state_dict().items()}
    canonize(model).remove()
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(images), logits)
    assert not any("forward" in vars(module) for module in model.modules())


def test_only_the_instance_is_canonized_never_the_class() -> None:
    forwards = BasicBlock.forward, nn.BatchNorm2d.forward
    model, other = resnet(), resnet()
    canonize(model)
    assert (BasicBlock.forward, nn.BatchNorm2d.forward) == forwards
    assert not any(isinstance(module, Sum) for module in other.modules())
    assert not any("forward" in vars(module) for module in other.modules())


def test_zennits_own_canonizer_inserts_no_sum_into_a_timm_resnet() -> None:
    """The trap that the counts are there for; when this fails, zennit has learnt timm and ours can go."""
    model = resnet()
    ResNetCanonizer().apply(model)
    assert not any(isinstance(module, Sum) for module in model.modules())


def test_a_block_that_was_not_canonized_is_an_error_with_both_counts() -> None:
    class OtherBlock(BasicBlock):
        pass

    model = resnet(OtherBlock)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(RelevanceError, match=r"expected 5 residual sums and 15 merged BatchNorms, found 0 and 15"):
        canonize(model)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_batch_norm_that_was_not_merged_is_an_error_with_both_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MergeBatchNorm, "linear_type", (nn.Linear,))
    with pytest.raises(RelevanceError, match=r"expected 5 residual sums and 15 merged BatchNorms, found 5 and 0"):
        canonize(resnet())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"block_args": {"attn_layer": "se"}}, "has attention"),
        ({"act_layer": nn.SiLU}, "is a SiLU"),
        ({"global_pool": "max"}, "pooled by 'max'"),
        ({"norm_layer": lambda channels, **_: nn.GroupNorm(1, channels)}, "is a GroupNorm"),
        ({"norm_layer": lambda channels, **_: nn.BatchNorm2d(channels, track_running_stats=False)}, "fixed statistics"),
    ],
)
def test_a_resnet_with_a_part_that_has_no_rule_is_an_error_that_says_why(
    options: dict[str, object], reason: str
) -> None:
    torch.manual_seed(0)
    model = ResNet(BasicBlock, [1, 1, 1, 1], channels=(8, 8, 8, 8), num_classes=3, **options).eval()
    with pytest.raises(RelevanceError, match=f"No heatmap for this architecture, because .*{reason}"):
        canonize(model)


@pytest.mark.parametrize(
    "name", ["efficientnet_b0", "seresnet18", "resnetblur18", "res2net50_14w_8s", "swin_tiny_patch4_window7_224"]
)
def test_other_architectures_are_an_error(name: str) -> None:
    try:
        model = timm.create_model(name, num_classes=3)
    except RuntimeError as error:
        pytest.fail(f"timm no longer has {name}; choose another: {error}")
    with pytest.raises(RelevanceError, match="No heatmap for"):
        canonize(model)


def test_families_are_keyed_by_exact_type() -> None:
    assert FAMILIES[ResNet].residual_adds(resnet()) == 5


def vit(**options: object) -> nn.Module:
    torch.manual_seed(0)
    model = VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=3, num_heads=2, num_classes=3, **options)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.2)
    return model.eval().requires_grad_(False)


def efficientnet(name: str = "tf_efficientnet_lite0") -> nn.Module:
    torch.manual_seed(0)
    return randomised(timm.create_model(name, num_classes=3))


VITS = {
    "class token": {},
    "average": {"global_pool": "avg"},
    "average, normalised before": {"global_pool": "avg", "fc_norm": False},
    "registers and layer scale": {"reg_tokens": 2, "init_values": 0.3},
    "queries and keys normalised": {"qk_norm": True},
    "normalised before the blocks": {"pre_norm": True},
    "patches of any number": {"dynamic_img_size": True},
    "no position for the class token": {"no_embed_class": True},
    "no position at all": {"pos_embed": "none"},
}


@pytest.mark.parametrize("name", VITS)
def test_a_transformer_puts_out_what_it_did_and_comes_back_bit_for_bit(name: str) -> None:
    model, images = vit(**VITS[name]), torch.rand(2, 3, 32, 32)
    logits, features = model(images), model.forward_head(model.forward_features(images), pre_logits=True)
    attributes = {id(module): sorted(vars(module)) for module in model.modules()}
    counts = canonize(model)
    assert (counts.residual_sums, counts.attentions, counts.merged_batch_norms) == (6, 3, 0)
    assert counts.layer_norms >= 7
    torch.testing.assert_close(model(images), logits, rtol=1e-4, atol=1e-5)
    output = model.forward_head(model.forward_features(images), pre_logits=True)
    torch.testing.assert_close(output, features, rtol=1e-4, atol=1e-5)
    counts.remove()
    assert torch.equal(model(images), logits)
    assert {id(module): sorted(vars(module)) for module in model.modules()} == attributes


def test_canonizing_draws_no_random_numbers() -> None:
    model = vit()
    state = torch.random.get_rng_state()
    canonize(model)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_layer_norm_is_linear_and_attention_ignores_queries_in_the_gradient() -> None:
    """``x·∂y/∂x = y − β`` for LayerNorm with a constant deviation; and a gradient reaches no query and no key."""
    model = vit()
    canonize(model)
    norm, attention = model.blocks[0].norm1, model.blocks[0].attn
    norm.bias.zero_()
    x = torch.randn(1, 17, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(norm(x).sum(), x)
    torch.testing.assert_close((gradient * x).sum(), norm(x).sum(), rtol=1e-3, atol=1e-4)
    attention.qkv.weight.requires_grad_(True)
    (gradient,) = torch.autograd.grad(attention(x).sum(), x)
    torch.testing.assert_close(
        (gradient * x).sum(), (attention(x) - attention(torch.zeros_like(x))).sum(), rtol=1e-3, atol=1e-3
    )


def test_an_attention_that_was_not_canonized_is_an_error_with_both_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonizers_vit.LinearAttention, "apply", lambda self, root: [])
    model = vit()
    logits = model(torch.ones(1, 3, 32, 32))
    with pytest.raises(RelevanceError, match=r"7 linear LayerNorms and 3 linear attentions, found 6 and 7 and 0"):
        canonize(model)
    assert torch.equal(model(torch.ones(1, 3, 32, 32)), logits)


class GatedAttention(Attention):
    __init__ = partialmethod(Attention.__init__, gated=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"global_pool": "map"}, "pooled by 'map'"),
        ({"norm_layer": RmsNorm}, "RmsNorm"),
        ({"mlp_layer": SwiGLU}, "SwiGLU"),
        ({"block_fn": ResPostBlock}, "ResPostBlock"),
        ({"attn_layer": GatedAttention}, "has a gate"),
        ({"depth": 1}, "one block only"),
    ],
)
def test_a_transformer_with_a_part_that_has_no_rule_is_an_error_that_says_why(
    options: dict[str, object], reason: str
) -> None:
    options = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2} | options
    with pytest.raises(RelevanceError, match=f"No heatmap for this architecture, because .*{reason}"):
        canonize(VisionTransformer(**options).eval())


@pytest.mark.parametrize(("name", "adds"), [("tf_efficientnet_lite0", 9), ("mobilenetv2_035", 10)])
def test_an_efficientnet_puts_out_what_it_did_and_comes_back_bit_for_bit(name: str, adds: int) -> None:
    model, images = efficientnet(name), torch.rand(1, 3, 64, 64)
    logits, state = model(images), {key: value.clone() for key, value in model.state_dict().items()}
    counts = canonize(model)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert counts.residual_sums == adds and counts.merged_batch_norms == len(norms) > 40
    assert sum(isinstance(module, nn.ReLU6) for module in model.modules()) > 30
    torch.testing.assert_close(model(images), logits, rtol=1e-3, atol=1e-4 * float(logits.abs().max()))
    counts.remove()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(model(images), logits)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("efficientnet_b0", "squeeze-and-excitation"),
        ("deit_tiny_distilled_patch16_224", "two heads"),
        ("swin_tiny_patch4_window7_224", "shifted windows"),
        ("convnext_atto", "no canonizers for ConvNeXt"),
    ],
)
def test_an_architecture_that_cannot_be_done_honestly_says_why(name: str, reason: str) -> None:
    model = timm.create_model(name, num_classes=3)
    with pytest.raises(RelevanceError, match=f"^No heatmap for this architecture, because .*{reason}"):
        canonize(model)
