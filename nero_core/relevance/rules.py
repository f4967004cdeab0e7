"""LRP rules in zennit's slots, where its own lack a part that is needed here."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from zennit.core import BasicHook, stabilize
from zennit.rules import Epsilon


def is_grouped(module: nn.Module) -> bool:
    """Whether each output of a convolution sees few inputs, so that there may be none of one sign."""
    return getattr(module, "groups", 1) > 1


def z_plus_rule(products: int = 2, spread: bool = False) -> BasicHook:
    """The z+ rule: ``R_i = Σ_o z⁺_io / Σ_i' z⁺_i'o · R_o`` with ``z⁺_io = x_i⁺ w_io⁺ + x_i⁻ w_io⁻``.

    Args:
        products: 2 for any input; 1 is the same rule for inputs that are all ≥ 0, whose second product is zero.
        spread: whether an output without positive contributions spreads its relevance evenly over its field of view.

    Reference: Bach et al., PLOS ONE 2015; Montavon et al., Pattern Recognition 2017 (z+).
    Differs: biases take no relevance, see `epsilon_plus`; in zennit's `ZPlus` ``b_o⁺`` joins the denominator.
        `spread`: such an output is active by its bias alone, and the paper's rule loses its relevance. In the depthwise
        convolutions of EfficientNet-Lite that was nearly all of it.
    """

    def shares(relevance: Tensor, outputs: list[Tensor]) -> list[Tensor]:
        total = _total(outputs[:products])
        rest = [_where_none(total, relevance, outputs[-1])] if spread else []
        return [relevance / stabilize(total)] * products + rest

    return BasicHook(
        input_modifiers=[*[_positive, _negative][:products], *[torch.ones_like] * spread],
        param_modifiers=[*[_keeping(_positive, False), _keeping(_negative, False)][:products], *[_even] * spread],
        output_modifiers=[_same] * (products + spread),
        gradient_mapper=shares,
        reducer=_sum_of_products,
    )


def alpha_beta_rule(alpha: float = 2.0, beta: float = 1.0, products: int = 2, spread: bool = False) -> BasicHook:
    """The αβ rule: ``R_i = Σ_o (α·z⁺_io / Σ_i' z⁺_i'o − β·z⁻_io / Σ_i' z⁻_i'o)·R_o`` with α − β = 1.

    z⁻ are the negative contributions, z⁺ the positive ones as in `z_plus_rule`.

    Args:
        alpha: weight of positive contributions.
        beta: weight of negative ones.
        products: of each sign: 2 for any input, 1 for inputs that are all ≥ 0.
        spread: whether an output with contributions of one sign hands all of its relevance on to these, and one without
            any spreads it evenly over its field of view.

    Reference: Bach et al., PLOS ONE 2015.
    Differs: biases take no relevance, see `epsilon_plus`. `spread`: the paper's rule multiplies relevance by α or −β at
        an output with contributions of one sign; depthwise convolutions, with nine inputs an output, have many such.
    """
    params = [_keeping(_positive, False), _keeping(_negative, False)]

    def shares(relevance: Tensor, outputs: list[Tensor]) -> list[Tensor]:
        raised, lowered = _total(outputs[:products]), _total(outputs[products : 2 * products])
        positive, negative = alpha * relevance / stabilize(raised), -beta * relevance / stabilize(lowered)
        if spread:
            positive = torch.where(lowered == 0, positive / alpha, positive)
            negative = torch.where(raised == 0, relevance / stabilize(lowered), negative)
        rest = [_where_none(raised - lowered, relevance, outputs[-1])] if spread else []
        return [positive] * products + [negative] * products + rest

    return BasicHook(
        input_modifiers=[*[_positive, _negative][:products] * 2, *[torch.ones_like] * spread],
        param_modifiers=[*params[:products], *params[::-1][:products], *[_even] * spread],
        output_modifiers=[_same] * (2 * products + spread),
        gradient_mapper=shares,
        reducer=_sum_of_products,
    )


def gamma_rule(gamma: float = 0.25, products: int = 2) -> BasicHook:
    """The γ rule: ``R_i = Σ_o (z_io + γ·z^s_io) / Σ_i' (z_i'o + γ·z^s_i'o) · R_o``, s the sign of the output ``z_o``.

    Contributions of the output's own sign weigh 1 + γ, so that no denominator comes nearer to 0 than the output is.
    Biases join it, as inputs of 1, and take their share.

    Args:
        gamma: additional weight of contributions of the output's sign.
        products: 2 for any input; 1 is the same rule for inputs that are all ≥ 0.

    Reference: Montavon et al., "Layer-wise relevance propagation: an overview", 2019 (γ); Andéol et al., "Learning
        domain invariant representations by joint Wasserstein distance minimization", 2021 (either sign).
    Differs: zennit 0.4.6 knows only the part for z_o > 0 of inputs ≥ 0; relevance that a residual sum sends to a
        negative output would grow without bound there.
    """
    weighted = [
        _keeping(lambda w: w + gamma * w.clamp(min=0), True),
        _keeping(lambda w: w + gamma * w.clamp(max=0), True),
    ]
    # w ≥ 0 on x ≥ 0 and w ≤ 0 on x ≤ 0 are the positive contributions; the bias is counted once, with x ≥ 0.
    mirrored = [
        _keeping(lambda w: w + gamma * w.clamp(max=0), False),
        _keeping(lambda w: w + gamma * w.clamp(min=0), False),
    ]

    def shares(relevance: Tensor, outputs: list[Tensor]) -> list[Tensor]:
        raised, lowered, plain = _total(outputs[:products]), _total(outputs[products:-1]), outputs[-1]
        positive = torch.where(plain > 0, relevance / stabilize(raised), 0)
        negative = torch.where(plain < 0, relevance / stabilize(lowered), 0)
        return [positive] * products + [negative] * products + [torch.zeros_like(positive)]

    return BasicHook(
        input_modifiers=[*([_positive, _negative][:products] * 2), _same],
        param_modifiers=[
            *[weighted[0], mirrored[0]][:products],
            *[weighted[1], mirrored[1]][:products],
            lambda param, name: param,
        ],
        output_modifiers=[_same] * (2 * products + 1),
        gradient_mapper=shares,
        reducer=_sum_of_products,
    )


def proportional_rule() -> BasicHook:
    """``R_i = z_i / Σ_i' z_i' · R``, nothing where the sum is 0: the parts of an average.

    Differs: zennit's `Norm` adds 1e-6, of which the average of a feature map that is nearly dead may be a part.
    """
    return Epsilon(1e-12)


def _positive(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def _negative(x: Tensor) -> Tensor:
    return x.clamp(max=0)


def _even(param: Tensor, name: str) -> Tensor:
    return torch.zeros_like(param) if name == "bias" else torch.ones_like(param)


def _where_none(contributions: Tensor, relevance: Tensor, field: Tensor) -> Tensor:
    return torch.where(contributions == 0, relevance / field, 0)


def _same(x: Tensor) -> Tensor:
    return x


def _keeping(modify: Callable[[Tensor], Tensor], biases: bool) -> Callable[[Tensor, str], Tensor]:
    def modified(param: Tensor, name: str) -> Tensor:
        return torch.zeros_like(param) if name == "bias" and not biases else modify(param)

    return modified


def _sum_of_products(inputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    return _total([x * gradient for x, gradient in zip(inputs, gradients, strict=True)])


def _total(parts: Sequence[Tensor]) -> Tensor:
    return sum(parts[1:], start=parts[0])
