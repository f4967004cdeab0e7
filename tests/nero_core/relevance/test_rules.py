"""Rules: slow dense formulas, equality with zennit's rules, what biases absorb."""

import itertools
from collections.abc import Callable
from functools import partial

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn
from zennit.core import Hook
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Flat, Norm, ZBox, ZPlus

from nero_core.relevance.rules import (
    alpha_beta_rule,
    gamma_rule,
    proportional_rule,
    z_plus_rule,
)
from nero_core.relevance.shared_forward import SharedForward


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
    hook = SharedForward(ZPlus() if biases else z_plus_rule(1 if sign == "nonnegative" else 2))
    expected = dense_z_plus(conv, x, relevance, biases)
    torch.testing.assert_close(propagate(hook, conv, x, relevance), expected, rtol=1e-10, atol=1e-12)


BOX = torch.full((1, 4, 1, 1), -3.0).double(), torch.full((1, 4, 1, 1), 4.0).double()
RULES = {
    "z+": (lambda products: SharedForward(z_plus_rule(products)), ZPlus, "bare conv"),
    "αβ": (lambda products: SharedForward(alpha_beta_rule(products=products)), AlphaBeta, "bare conv"),
    "box": (lambda _: SharedForward(ZBox(*BOX)), lambda: ZBox(*BOX), "conv"),
    "flat": (lambda _: SharedForward(Flat()), Flat, "conv"),
    "epsilon": (lambda _: SharedForward(Epsilon()), Epsilon, "linear"),
    "norm": (lambda _: SharedForward(Norm()), Norm, "sum"),
}
MODULES = {
    "conv": lambda: nn.Conv2d(4, 3, 3, padding=1, groups=1),
    "bare conv": lambda: nn.Conv2d(4, 3, 3, padding=1, bias=False),
    "linear": lambda: nn.Linear(6, 5),
    "sum": lambda: Sum(),
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
    torch.testing.assert_close(
        propagate(ours(1 if nonnegative else 2), module, x, relevance), expected, rtol=1e-12, atol=1e-12
    )


def test_a_removed_hook_leaves_nothing_behind() -> None:
    conv = nn.Conv2d(2, 2, 1).requires_grad_(False)
    weight = conv.weight.clone()
    hook = SharedForward(z_plus_rule())
    propagate(hook, conv, torch.rand(1, 2, 3, 3), torch.rand(1, 2, 3, 3))
    assert not conv._forward_hooks and not conv._forward_pre_hooks and not hook.stored_tensors
    assert torch.equal(conv.weight, weight)


SIGNS: dict[str, Callable[[Tensor], Tensor]] = {"mixed": lambda x: x, "nonnegative": torch.relu}


@pytest.mark.parametrize("sign", SIGNS)
def test_gamma_is_the_dense_formula_for_either_sign_of_the_output(sign: str) -> None:
    """``R_i = Σ_o (z_io + γ z^s_io)/(Σ_i' (z_i'o + γ z^s_i'o) + b_o + γ b^s_o)·R_o``, s the sign of z_o."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 7).double().requires_grad_(False)
    x, relevance, gamma = SIGNS[sign](torch.randn(1, 5).double()), torch.randn(1, 7).double(), 0.25
    expected = torch.zeros_like(x)
    outputs = layer(x)[0]
    assert 0 < int((outputs > 0).sum()) < 7
    for o in range(7):
        s = 1 if outputs[o] > 0 else -1
        parts = [x[0, i] * layer.weight[o, i] for i in range(5)] + [layer.bias[o]]
        parts = [part * (1 + gamma * (part * s > 0)) for part in parts]
        for i in range(5):
            expected[0, i] += parts[i] / (sum(parts) + 1e-6 * s) * relevance[0, o]
    propagated = propagate(SharedForward(gamma_rule(gamma, 1 if sign == "nonnegative" else 2)), layer, x, relevance)
    torch.testing.assert_close(propagated, expected, rtol=1e-10, atol=1e-12)


def test_an_average_shares_relevance_in_proportion_however_small_it_is() -> None:
    x = torch.tensor([[[[1e-5, 3e-5], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    relevance = torch.tensor([[[[2.0]], [[5.0]]]])
    propagated = propagate(SharedForward(proportional_rule()), nn.AvgPool2d(2), x, relevance)
    expected = torch.tensor([[[[0.5, 1.5], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    torch.testing.assert_close(propagated, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("rule", [z_plus_rule, partial(alpha_beta_rule, 2.0, 1.0)])
def test_a_unit_that_only_its_bias_makes_active_spreads_relevance_evenly(rule: Callable[..., object]) -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1).double().requires_grad_(False)
    x, relevance = torch.zeros(1, 1, 3, 3).double(), torch.zeros(1, 1, 3, 3).double()
    relevance[0, 0, 0, 0] = 4  # the corner sees four pixels
    propagated = propagate(SharedForward(rule(1, True)), conv, x, relevance)
    expected = torch.zeros_like(x)
    expected[0, 0, :2, :2] = 1
    torch.testing.assert_close(propagated, expected)
    assert not propagate(SharedForward(rule(1, False)), conv, x, relevance).any()


@pytest.mark.parametrize("sign", [1, -1])
def test_grouped_alpha_beta_hands_all_on_where_contributions_have_one_sign(sign: int) -> None:
    conv = nn.Conv2d(2, 1, 1, bias=False).double().requires_grad_(False)
    conv.weight.copy_(sign * torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1))
    x, relevance = torch.ones(1, 2, 1, 1).double(), torch.ones(1, 1, 1, 1).double()
    propagated = propagate(SharedForward(alpha_beta_rule(products=1, spread=True)), conv, x, relevance)
    torch.testing.assert_close(propagated.flatten(), torch.tensor([0.25, 0.75]).double(), rtol=1e-5, atol=0)
    plain = propagate(SharedForward(alpha_beta_rule(products=1)), conv, x, relevance)
    assert float(plain.sum()) == pytest.approx(2 if sign > 0 else -1, rel=1e-5)


ABSORBING = {
    "ε": Epsilon,
    "z+ with biases": ZPlus,
    "γ": gamma_rule,
}


@pytest.mark.parametrize("name", ABSORBING)
def test_what_biases_absorb_is_what_does_not_reach_the_input(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, 3).double().requires_grad_(False)
    x, hook = torch.randn(1, 3, 6, 6).double(), SharedForward(ABSORBING[name]())
    hook.measures = True
    relevance = torch.rand_like(layer(x)) * (layer(x).abs() > 0.05)  # the stabiliser takes next to nothing
    reached = propagate(hook, layer, x, relevance)
    assert abs(hook.absorbed) > 0.005 * float(relevance.sum())
    assert float(reached.sum()) + hook.absorbed == pytest.approx(float(relevance.sum()), rel=1e-4)


def test_what_an_epsilon_bias_absorbs_is_the_formula() -> None:
    layer = nn.Linear(3, 2).double().requires_grad_(False)
    x, relevance = torch.randn(1, 3).double(), torch.randn(1, 2).double()
    hook = SharedForward(Epsilon())
    hook.measures = True
    propagate(hook, layer, x, relevance)
    z = layer(x)
    assert hook.absorbed == pytest.approx(float((layer.bias * relevance / (z + 1e-6 * z.sign())).sum()))


def test_rules_without_biases_absorb_nothing() -> None:
    for rule in (Flat(), z_plus_rule(), alpha_beta_rule(), ZBox(torch.tensor(-3.0), torch.tensor(4.0))):
        torch.manual_seed(0)
        conv = nn.Conv2d(2, 3, 3).double().requires_grad_(False)
        x = torch.randn(1, 2, 5, 5).double()
        hook = SharedForward(rule)
        hook.measures = True
        propagate(hook, conv, x, torch.ones_like(conv(x)))
        assert hook.absorbed == pytest.approx(0, abs=1e-12)
