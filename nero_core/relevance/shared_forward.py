"""zennit's rules as they run here: many backward passes after one forward pass."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from zennit.core import BasicHook, Hook, mod_params

from nero_core.device import float64


class SharedForward(Hook):
    """Any zennit rule, arranged for many backward passes after one forward pass.

    The modified forward passes of the rule run once, in the forward pass, and not again in each backward pass; and the
    layer's plain gradient, which zennit has autograd compute and then replaces, is not computed. The rule's slots are
    zennit's own, so relevance is the same up to rounding.

    A rule that parts contributions by sign needs two products, or one where no input is negative: its second is then 0
    and the relevance the same. Whether that is so, the hook keeps on the device, and whoever runs the model reads it of
    all hooks at once: a question for each layer would make the device wait at each.

    Attributes:
        rule: the zennit rule, or what makes it for a module and a number of products.
        products: 2, or 1 where the module's inputs were not negative so far.
        negative: whether an input of the last forward pass was; None where the rule does not depend on it, or it is
            known that some are.
        measures: whether `absorbed` is kept; to be set before the forward pass.
        absorbed: relevance that the module's biases took in the backward passes since it was last set to None, float64.
    """

    def __init__(self, rule: BasicHook | Callable[[nn.Module, int], BasicHook]) -> None:
        super().__init__()
        self.rule = rule
        self.products: Literal[1, 2] = 2
        self.negative: Bool[Tensor, ""] | None = None
        self.measures = False
        self.absorbed: Float[Tensor, ""] | None = None
        self._is_settled = isinstance(rule, BasicHook)

    def settle(self, is_negative: bool) -> bool:
        """Take in what `negative` says; True where the last forward pass had one product and needed two."""
        was_wrong = is_negative and self.products == 1
        self.products, self._is_settled = (2, True) if is_negative else (1, False)
        return was_wrong

    def copy(self) -> "SharedForward":
        """A hook of the same rule for another module."""
        return SharedForward(self.rule)

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
        rule = self.rule if isinstance(self.rule, BasicHook) else self.rule(module, self.products)
        self.negative = None if self._is_settled else (source < 0).any()
        inputs, outputs, constants = [], [], []
        for modify_input, modify_params, modify_output in zip(
            rule.input_modifiers, rule.param_modifiers, rule.output_modifiers, strict=True
        ):
            x = modify_input(source).requires_grad_()
            with mod_params(module, modify_params, rule.param_keys, rule.require_params), torch.enable_grad():
                outputs.append(modify_output(module.forward(x)))
                if self.measures:
                    constants.append(modify_output(module.forward(torch.zeros_like(source))).detach())
            inputs.append(x)
        self.stored_tensors.update(rule=rule, inputs=inputs, outputs=outputs, constants=constants)

    def relevance(self, relevance: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Relevance of the module's input from that of its output."""
        rule, inputs, outputs = (self.stored_tensors[key] for key in ("rule", "inputs", "outputs"))
        shares = rule.gradient_mapper(relevance, outputs)
        if self.measures:
            taken = self._absorbed(rule, shares)
            self.absorbed = taken if self.absorbed is None else self.absorbed + taken
        gradients = torch.autograd.grad(outputs, inputs, grad_outputs=shares, retain_graph=True)
        return rule.reducer([x.detach() for x in inputs], gradients)  # type: ignore[no-any-return]

    def _absorbed(self, rule: BasicHook, shares: list[Tensor] | tuple[Tensor, ...] | Tensor) -> Float[Tensor, ""]:
        """The bias is a neuron with input 1, so what it takes is its share of the output, by the rule's own reducer."""
        shares = [shares] if isinstance(shares, Tensor) else list(shares)
        constants = self.stored_tensors["constants"]
        taken = rule.reducer(constants, shares) - rule.reducer(
            [torch.zeros_like(constant) for constant in constants], shares
        )
        return float64(taken).sum()


class _Propagate(torch.autograd.Function):
    """A module's output whose "gradient" with respect to the module's input is the relevance that a rule gives."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, output: Tensor, rule: SharedForward) -> Tensor:  # noqa: ANN401
        ctx.rule = rule
        return output.clone()

    @staticmethod
    def backward(ctx: Any, relevance: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return ctx.rule.relevance(relevance), None, None
