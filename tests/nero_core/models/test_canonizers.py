"""Canonizers: everything that LRP needs is canonized, on this instance only, or there is an error."""

import copy

import pytest
import timm
import torch
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import nn
from zennit.layer import Sum
from zennit.torchvision import ResNetCanonizer

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import FAMILIES, MergeBatchNorm, canonize


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


@pytest.mark.parametrize("name", ["efficientnet_lite0", "seresnet18", "resnetblur18", "res2net50_14w_8s"])
def test_other_architectures_are_an_error(name: str) -> None:
    try:
        model = timm.create_model(name, num_classes=3)
    except RuntimeError as error:
        pytest.fail(f"timm no longer has {name}; choose another: {error}")
    with pytest.raises(RelevanceError, match="No heatmap for"):
        canonize(model)


def test_families_are_keyed_by_exact_type() -> None:
    assert FAMILIES[ResNet].residual_blocks(resnet()) == 5
