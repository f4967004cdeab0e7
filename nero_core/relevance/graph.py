"""One forward pass of an attribution copy, and relevance from any place of it to any other."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.errors import RelevanceError


class AttributionGraph:
    """The graph that one forward pass of one image leaves, for any number of backward passes.

    What goes backward is the ``signal``: under LRP rules relevance itself; under the plain gradient the gradient, and
    relevance is activation times gradient.

    Args:
        model: canonized, with the rules registered; or plain, for the gradient.
        image: one normalised image.
        is_gradient: whether ``model`` is plain.
        layers: names of modules whose outputs are kept.

    Raises:
        RelevanceError: the feature map is not finite.
    """

    def __init__(
        self,
        model: nn.Module,
        image: Float[Tensor, "1 3 height width"],
        is_gradient: bool,
        layers: tuple[str, ...] = (),
    ) -> None:
        self.is_gradient = is_gradient
        self.image = image.detach().requires_grad_()
        self.outputs: dict[str, Tensor] = {}
        handles = [model.get_submodule(name).register_forward_hook(self._keeper(name)) for name in layers]
        try:
            last = model.forward_features(self.image)  # type: ignore[operator]
        finally:
            for handle in handles:
                handle.remove()
        if not bool(torch.isfinite(last.detach()).all()):
            raise RelevanceError(
                "Expected a finite feature map, found nan or infinity; check the classifier's weights."
            )
        self.features: Tensor = model.forward_head(last, pre_logits=True)  # type: ignore[operator]

    def initial_signal(self, initial_relevance: Float[Tensor, "maps neurons"]) -> Float[Tensor, "maps 1 neurons"]:
        """The signal at the pooled features that has this relevance there."""
        rows = initial_relevance.to(self.features)[:, None]
        if not self.is_gradient:
            return rows
        activation = self.features.detach()
        return torch.where(activation == 0, 0, rows / activation)

    def signal(self, source: Tensor, target: Tensor, signal: Tensor) -> Tensor:
        """The signal at ``target`` of one signal at ``source``, which lies above it."""
        return torch.autograd.grad(source, target, signal, retain_graph=True)[0]

    def relevance(self, place: Tensor, signal: Tensor) -> Tensor:
        """Relevance at a place, from its signal."""
        return place.detach() * signal if self.is_gradient else signal

    def heatmaps(
        self, source: Tensor, signals: Tensor, chunk: int, on_progress: Callable[[int, int], None] | None = None
    ) -> Float[Tensor, "signals height width"]:
        """Relevance of the pixels, summed over colour, of each signal at ``source``; ``chunk`` of them at a time."""

        def backward(signal: Tensor) -> Tensor:
            return self.relevance(self.image, self.signal(source, self.image, signal)).sum(dim=(0, 1))

        parts, done = [], 0
        for rows in signals.split(chunk):
            parts.append(torch.func.vmap(backward)(rows).cpu())
            done += len(rows)
            if on_progress is not None:
                on_progress(done, len(signals))
        return torch.cat(parts)

    def _keeper(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self.outputs[name] = output

        return keep
