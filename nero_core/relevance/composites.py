"""Composites: which LRP rule each layer of a canonized classifier gets, and the rules as they run here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from zennit.composites import SpecialFirstLayerMapComposite
from zennit.core import BasicHook, Composite, Hook, mod_params, stabilize
from zennit.layer import Sum
from zennit.rules import Epsilon, Flat, Norm
from zennit.types import Activation, AvgPool, Convolution, Linear


def epsilon_plus_flat(biases: bool = False) -> Composite:
    """ε+ with a flat first layer: z+ for convolutions, ε for Linear, Norm for residual sums and average pooling.

    The first convolution spreads its relevance evenly over its field of view (Flat); activations pass it on.

    Args:
        biases: True lets positive biases, also those merged from BatchNorm, take their share of the relevance, as
            zennit's `EpsilonPlusFlat` does. Relevance that a bias takes reaches no pixel.

    Reference: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", IJCNN 2020;
        Lapuschkin et al., Nature Communications 2019 (Flat).
    Differs: by default biases take no relevance (`zero_params="bias"` in later zennit), so that the heatmap sums to
        the relevance it started from. The rules run in `SharedForward`, which changes nothing but speed.
    """
    z_plus = SharedForward(z_plus_rule(biases), nonnegative=z_plus_rule(biases, branches=1))
    layers = [
        (Activation, Pass()),
        (Sum, SharedForward(Norm())),
        (AvgPool, SharedForward(Norm())),
        (Convolution, z_plus),
        (nn.Linear, SharedForward(Epsilon(1e-6))),  # 1e-6: zennit's default
    ]
    return SpecialFirstLayerMapComposite(layers, [(Linear, SharedForward(Flat()))])


COMPOSITES: Mapping[str, Callable[[], Composite]] = MappingProxyType(
    {
        "epsilon_plus_flat": epsilon_plus_flat,
        "epsilon_plus_flat_with_biases": lambda: epsilon_plus_flat(biases=True),
    }
)


def z_plus_rule(biases: bool = False, branches: int = 2) -> BasicHook:
    """The z+ rule: ``R_i = Σ_o z⁺_io / Σ_i' z⁺_i'o · R_o`` with ``z⁺_io = x_i⁺ w_io⁺ + x_i⁻ w_io⁻``.

    Args:
        biases: whether ``b_o⁺`` joins the denominator, as in zennit's `ZPlus`.
        branches: 2 for any input; 1 is the same rule for inputs that are all ≥ 0, whose second product is zero.

    Reference: Bach et al., PLOS ONE 2015; Montavon et al., Pattern Recognition 2017 (z+).
    Differs: `biases=False`, see `epsilon_plus_flat`.
    """

    def positive(param: Tensor, name: str) -> Tensor:
        return torch.zeros_like(param) if name == "bias" and not biases else param.clamp(min=0)

    def negative(param: Tensor, name: str) -> Tensor:
        return torch.zeros_like(param) if name == "bias" else param.clamp(max=0)

    return BasicHook(
        input_modifiers=[lambda x: x.clamp(min=0), lambda x: x.clamp(max=0)][:branches],
        param_modifiers=[positive, negative][:branches],
        output_modifiers=[lambda z: z] * branches,
        gradient_mapper=lambda relevance, outputs: [relevance / stabilize(sum(outputs))] * branches,
        reducer=lambda inputs, gradients: sum(x * gradient for x, gradient in zip(inputs, gradients, strict=True)),
    )


class SharedForward(Hook):
    """Any zennit rule, arranged for many backward passes after one forward pass.

    The modified forward passes of the rule run once, in the forward pass, and not again in each backward pass; and the
    layer's plain gradient, which zennit has autograd compute and then replaces, is not computed. The rule's slots are
    zennit's own, so relevance is the same up to rounding.

    Attributes:
        rule: the zennit rule.
        nonnegative: a cheaper rule that gives the same relevance when no input is negative, or None.
    """

    def __init__(self, rule: BasicHook, nonnegative: BasicHook | None = None) -> None:
        super().__init__()
        self.rule = rule
        self.nonnegative = nonnegative

    def copy(self) -> "SharedForward":
        """A hook of the same rule for another module."""
        return SharedForward(self.rule, self.nonnegative)

    def pre_forward(self, module: nn.Module, input: tuple[Tensor, ...]) -> Tensor:
        """Cut the module out of the graph; a clone, so that in-place modules leave the input as it is."""
        self.stored_tensors["input"] = input[0]
        return input[0].detach().clone()

    def post_forward(self, module: nn.Module, input: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Keep what the rule needs, and put the rule into the graph in the module's place."""
        source = self.stored_tensors.pop("input")
        self.prepare(module, source.detach())
        return _Propagate.apply(source, output, self)  # type: ignore[no-any-return]

    def prepare(self, module: nn.Module, source: Tensor) -> None:
        """Run the module once for each branch of the rule, with modified input and parameters."""
        rule = self.rule
        if self.nonnegative is not None and not bool((source < 0).any()):
            rule = self.nonnegative
        inputs, outputs = [], []
        for modify_input, modify_params, modify_output in zip(
            rule.input_modifiers, rule.param_modifiers, rule.output_modifiers, strict=True
        ):
            x = modify_input(source).requires_grad_()
            with mod_params(module, modify_params, rule.param_keys, rule.require_params), torch.enable_grad():
                outputs.append(modify_output(module.forward(x)))
            inputs.append(x)
        self.stored_tensors.update(rule=rule, inputs=inputs, outputs=outputs)

    def relevance(self, relevance: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Relevance of the module's input from that of its output."""
        rule, inputs, outputs = (self.stored_tensors[key] for key in ("rule", "inputs", "outputs"))
        shares = rule.gradient_mapper(relevance, outputs)
        gradients = torch.autograd.grad(outputs, inputs, grad_outputs=shares, retain_graph=True)
        return rule.reducer([x.detach() for x in inputs], gradients)  # type: ignore[no-any-return]


class Pass(SharedForward):
    """Hand relevance on unchanged: elementwise activations. The same as zennit's `Pass`, in `SharedForward`'s way."""

    def __init__(self) -> None:
        super().__init__(BasicHook())

    def copy(self) -> "Pass":
        """A hook of the same rule for another module."""
        return Pass()

    def prepare(self, module: nn.Module, source: Tensor) -> None:
        """Nothing to keep."""

    def relevance(self, relevance: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """``R_i = R_o``."""
        return relevance


class _Propagate(torch.autograd.Function):
    """A module's output whose "gradient" with respect to the module's input is the relevance that a rule gives."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, output: Tensor, rule: SharedForward) -> Tensor:  # noqa: ANN401
        ctx.rule = rule
        return output.clone()

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return ctx.rule.relevance(relevance), None, None
