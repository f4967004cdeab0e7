"""The attribution copy of a classifier: canonized once, its rules registered once and never removed, under one lock."""

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from zennit.core import RemovableHandleList

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import canonize, family_of
from nero_core.models.canonizers_vit import AttentionMix
from nero_core.relevance.composites import COMPOSITES, choose_composite
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
        self.composite = choose_composite(model, composite)
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
        self.hooks: list[SharedForward] = []
        if make_rules is not None:
            self._rules = make_rules(-self._mean / self._std, (1 - self._mean) / self._std)
            self._rules.register(self.model)
            registered = [handles for handles in self._rules.handles if isinstance(handles, RemovableHandleList)]
            self.hooks = [hook for hook in (handles[0].instance_ref() for handles in registered) if hook is not None]
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
        with self._lock, torch.inference_mode(False), torch.enable_grad():
            try:
                for hook in self.hooks:
                    hook.measures, hook.absorbed = measures, 0.0
                image = (pixels.detach().clone().to(self._mean) - self._mean) / self._std
                yield AttributionGraph(self.model, image, not self.hooks, layers)
            finally:
                for hook in self.hooks:
                    hook.measures = False
                    hook.stored_tensors.clear()
                for mix in self.mixes:
                    mix.weights = None

    def absorbed(self) -> float:
        """What biases took in the backward passes of the graph so far."""
        return sum((hook.absorbed for hook in self.hooks), 0.0)

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
