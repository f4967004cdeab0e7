"""The attribution copy of a classifier: canonized once, its rules registered once and never removed, under one lock."""

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from zennit.core import Hook, RemovableHandleList

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import canonize, family_of
from nero_core.models.canonizers_vit import AttentionMix
from nero_core.models.repeatable import repeatable_gradients
from nero_core.relevance.composites import COMPOSITES, choose_concept_composite
from nero_core.relevance.graph import AttributionGraph
from nero_core.relevance.shared_forward import SharedForward


class AttributionCopy:
    """A copy of a plain timm classifier with the rules of a composite; the model handed in is not touched.

    Attributes:
        family: how the architecture is canonized.
        composite: name of the composite.
        model: the copy.
        hooks: the rules on it; none for the plain gradient.

    Raises:
        RelevanceError: the composite is unknown or does not suit the family, or relevance cannot be propagated through
            this architecture.
    """

    def __init__(
        self,
        model: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        composite: str | None,
        device: torch.device | str | None,
    ) -> None:
        self.family = family_of(model)  # refuses before anything is copied
        self.composite = choose_concept_composite(model, composite)
        self.model = copy.deepcopy(model).eval()
        self.model.set_grad_checkpointing(False)  # type: ignore[operator]  # it would run the hooks twice
        make_rules = COMPOSITES[self.composite].rules
        if make_rules is not None:
            canonize(self.model)
        for module in self.model.modules():
            if hasattr(module, "fused_attn"):
                setattr(module, "fused_attn", False)  # noqa: B010  # no backward pass for several signals at once
        self.model.to(device).requires_grad_(False)
        parameter = next(self.model.parameters())
        self._mean = torch.tensor(mean).reshape(1, -1, 1, 1).to(parameter)
        self._std = torch.tensor(std).reshape(1, -1, 1, 1).to(parameter)
        self.hooks: list[Hook] = []
        if make_rules is not None:
            self._rules = make_rules(-self._mean / self._std, (1 - self._mean) / self._std)
            self._rules.register(self.model)
            registered = [handles for handles in self._rules.handles if isinstance(handles, RemovableHandleList)]
            self.hooks = [hook for hook in (handles[0].instance_ref() for handles in registered) if hook is not None]
        self._shared = [hook for hook in self.hooks if isinstance(hook, SharedForward)]
        self.mixes = [module for module in self.model.modules() if isinstance(module, AttentionMix)]
        self._lock = threading.Lock()

    @contextmanager
    def graph(self, pixels: Tensor, layers: tuple[str, ...] = (), measures: bool = False) -> Iterator[AttributionGraph]:
        """One forward pass, under the lock; what it holds is freed at the end, the hooks stay.

        Args:
            pixels: one image, RGB in [0, 1].
            layers: names of modules whose outputs are kept.
            measures: whether the hooks measure what biases absorb.
        """
        order = repeatable_gradients(self._mean.device)
        with self._lock, torch.inference_mode(False), torch.enable_grad(), order:
            try:
                for hook in self._shared:
                    hook.measures, hook.absorbed = measures, None
                image = (pixels.detach().clone().to(self._mean) - self._mean) / self._std
                graph = AttributionGraph(self.model, image, not self.hooks, layers)
                if self._settle():
                    graph = AttributionGraph(self.model, image, not self.hooks, layers)
                yield graph
            finally:
                for hook in self._shared:
                    hook.measures, hook.negative = False, None
                for hook in self.hooks:
                    hook.stored_tensors.clear()
                for mix in self.mixes:
                    mix.weights = None

    def absorbed(self) -> list[Float[Tensor, ""]]:
        """What the biases of each layer took in the backward passes of the graph so far; float64."""
        return [hook.absorbed for hook in self._shared if hook.absorbed is not None]

    def _settle(self) -> bool:
        """Learn from the forward pass which layers get negative inputs, in one copy from the device.

        Returns:
            whether a layer that never got one before got one now, so that the pass must be run again. A layer is told
            so once in its life at most.
        """
        asked = [(hook, hook.negative) for hook in self._shared if hook.negative is not None]
        found = torch.stack([negative for _, negative in asked]).tolist() if asked else []
        was_wrong = [hook.settle(is_negative) for (hook, _), is_negative in zip(asked, found, strict=True)]
        return any(was_wrong)

    def check(self, pixels: Tensor, rows: Tensor) -> None:
        """See that one image and rows of relevance at the pooled features fit the classifier.

        Raises:
            RelevanceError: they do not, or are not finite.
        """
        if pixels.ndim != 4 or pixels.shape[:2] != (1, self._mean.numel()):
            raise RelevanceError(
                f"Expected pixels of shape (1, {self._mean.numel()}, height, width), found {tuple(pixels.shape)}; "
                "ask for the heatmaps of one image at a time."
            )
        neurons = int(self.model.num_features)  # type: ignore[arg-type]
        if rows.ndim != 2 or rows.shape[1] != neurons or len(rows) == 0:
            raise RelevanceError(
                f"Expected initial relevance of shape (n ≥ 1, {neurons}), found {tuple(rows.shape)}; give one row of "
                "relevance at the pooled features for each heatmap."
            )
        if not bool(torch.isfinite(rows).all()) or not bool(torch.isfinite(pixels).all()):
            raise RelevanceError(
                "Expected finite pixels and initial relevance, found nan or infinity; look at the image's features."
            )
