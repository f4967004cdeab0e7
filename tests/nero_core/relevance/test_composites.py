"""Composites and rules: slow dense formulas, equality with zennit's rules, conservation."""

import copy
import itertools

import pytest
import torch
from crp.attribution import CondAttribution
from jaxtyping import Float
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn
from zennit.core import Hook
from zennit.layer import Sum
from zennit.rules import Epsilon, Flat, Norm, ZPlus
from zennit.rules import Pass as ZennitPass

from nero_core.models.canonizers import canonize
from nero_core.relevance.composites import COMPOSITES, Pass, SharedForward, z_plus_rule


def propagate(hook: Hook, module: nn.Module, x: Tensor, relevance: Tensor) -> Tensor:
    handles = hook.register(module)
    try:
        source = x.clone().requires_grad_()
        (result,) = torch.autograd.grad(module(source), source, relevance)
    finally:
        handles.remove()
    assert torch.equal(source.detach(), x), "a module that works in place reached its input"
    return result


def dense_z_plus(
    conv: nn.Conv2d,
    x: Float[Tensor, "1 channels height width"],
    relevance: Float[Tensor, "1 channels_out height_out width_out"],
    biases: bool,
) -> Float[Tensor, "1 channels height width"]:
    """One term at a time: ``R_i = Σ_o (x_i⁺w_io⁺ + x_i⁻w_io⁻) / (Σ_i' (…) [+ b_o⁺]) · R_o``, stride 2, padding 1."""
    result = torch.zeros_like(x)
    _, channels, height, width = x.shape
    for o, row, column in itertools.product(*map(range, relevance.shape[1:])):
        contributions = {}
        for i, dy, dx in itertools.product(range(channels), range(3), range(3)):
            y, z = 2 * row + dy - 1, 2 * column + dx - 1
            if 0 <= y < height and 0 <= z < width:
                value, weight = x[0, i, y, z], conv.weight[o, i, dy, dx]
                contributions[i, y, z] = max(value, 0) * max(weight, 0) + min(value, 0) * min(weight, 0)
        total = sum(contributions.values()) + (max(conv.bias[o], 0) if biases else 0)
        for place, contribution in contributions.items():
            result[0][place] += contribution / (total + 1e-6) * relevance[0, o, row, column]
    return result


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("sign", ["mixed", "nonnegative"])
def test_z_plus_is_the_dense_formula(biases: bool, sign: str) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, stride=2, padding=1).double().requires_grad_(False)
    x = torch.randn(1, 2, 5, 5).double()
    x = x if sign == "mixed" else x.relu()
    relevance = torch.randn(1, 3, 3, 3).double()
    hook = SharedForward(z_plus_rule(biases), nonnegative=z_plus_rule(biases, branches=1))
    expected = dense_z_plus(conv, x, relevance, biases)
    torch.testing.assert_close(propagate(hook, conv, x, relevance), expected, rtol=1e-10, atol=1e-12)


RULES = {
    "z+": (lambda: SharedForward(z_plus_rule(True), nonnegative=z_plus_rule(True, branches=1)), ZPlus, "conv"),
    "flat": (lambda: SharedForward(Flat()), Flat, "conv"),
    "epsilon": (lambda: SharedForward(Epsilon()), Epsilon, "linear"),
    "norm": (lambda: SharedForward(Norm()), Norm, "sum"),
    "average": (lambda: SharedForward(Norm()), Norm, "pool"),
    "pass": (Pass, ZennitPass, "relu"),
}
MODULES = {
    "conv": lambda: nn.Conv2d(4, 3, 3, padding=1, groups=1),
    "linear": lambda: nn.Linear(6, 5),
    "sum": lambda: Sum(),
    "pool": lambda: nn.AvgPool2d(2),
    "relu": lambda: nn.ReLU(inplace=True),
}


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_in_shared_forward_is_zennits_rule(name: str, nonnegative: bool) -> None:
    ours, zennits, kind = RULES[name]
    torch.manual_seed(0)
    module = MODULES[kind]().double().requires_grad_(False)
    x = torch.randn(2, 4, 6, 6).double()
    x = x.relu() if nonnegative else x
    relevance = torch.randn_like(module(x.clone()))
    expected = propagate(zennits(), module, x, relevance)
    torch.testing.assert_close(propagate(ours(), module, x, relevance), expected, rtol=1e-12, atol=1e-12)


def test_a_removed_hook_leaves_nothing_behind() -> None:
    conv = nn.Conv2d(2, 2, 1).requires_grad_(False)
    weight = conv.weight.clone()
    hook = SharedForward(z_plus_rule())
    propagate(hook, conv, torch.rand(1, 2, 3, 3), torch.rand(1, 2, 3, 3))
    assert not conv._forward_hooks and not conv._forward_pre_hooks and not hook.stored_tensors
    assert torch.equal(conv.weight, weight)


def randomised(block: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    model = ResNet(block, [1, 2, 1, 1], channels=(32, 32, 48, 64), num_classes=3, stem_width=32).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.5, 0.5)
    return model.double().requires_grad_(False)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_relevance_is_conserved_at_every_block_by_default_and_not_when_biases_take_some(block: type[nn.Module]) -> None:
    """zennit-crp's own attribution runs our composite and records the relevance of every block's output."""
    model = randomised(block)
    blocks = ["layer1.0", "layer2.0", "layer2.1", "layer3.0", "layer4.0"]
    sums = {}
    for name in ("epsilon_plus_flat", "epsilon_plus_flat_with_biases"):
        canonized = copy.deepcopy(model)
        canonize(canonized)
        image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
        result = CondAttribution(canonized)(
            image, [{}], COMPOSITES[name](), record_layer=blocks, start_layer="layer4", init_rel=lambda a: a
        )
        total = result.prediction.detach().sum()
        sums[name] = [float(result.relevances[layer].detach().sum() / total) for layer in blocks]
        sums[name].insert(0, float(result.heatmap.sum() / total))
    assert sums["epsilon_plus_flat"] == pytest.approx([1.0] * 6, abs=1e-4)
    assert sums["epsilon_plus_flat_with_biases"][-1] == pytest.approx(1.0)
    assert sums["epsilon_plus_flat_with_biases"][0] < 0.9


@pytest.mark.parametrize("name", COMPOSITES)
def test_the_first_convolution_is_flat_and_the_others_are_z_plus(name: str) -> None:
    model = randomised(BasicBlock)
    canonize(model)
    composite = COMPOSITES[name]()
    context: dict[str, bool] = {}
    hooks = {key: composite.module_map(context, key, module) for key, module in model.named_modules()}
    assert isinstance(hooks["conv1"].rule, Flat)
    assert hooks["layer1.0.conv1"].nonnegative is not None
    assert isinstance(hooks["layer1.0.canonizer_sum"].rule, Norm)
    assert isinstance(hooks["layer4.0.act2"], Pass)
    assert isinstance(hooks["fc"].rule, Epsilon)
    assert hooks["layer1.0.bn1"] is None and hooks["maxpool"] is None
