"""Heatmaps: relevance of the feature channels, propagated to the pixels (LRP, CRP)."""

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from crp.concepts import ChannelConcept
from jaxtyping import Float
from torch import Tensor, nn
from zennit.core import Hook, RemovableHandleList

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import canonize, family_of
from nero_core.relevance.composites import COMPOSITES


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Signed relevance of the pixels, summed over colour; on the CPU.

    Attributes:
        maps: one heatmap for each start; of the unit and scale of the start.
        conservation: sum of each map over the sum of its start; 1 = nothing lost, nan where a start sums to 0.
    """

    maps: Float[Tensor, "starts height width"]
    conservation: Float[Tensor, " starts"]


class Attributor:
    """Propagates relevance from the pooled features of a timm classifier to the pixels. Safe to share between threads.

    It holds an attribution copy of the classifier, canonized once, with the composite's hooks registered once and
    never removed; the model that was handed in is not touched. A lock lets one thread at a time through.

    One forward pass serves all heatmaps of an image: relevance propagation is linear in what it starts from, so the
    starts go backward together.

    Reference: Achtibat et al., "From attribution maps to human-understandable explanations through concept relevance
        propagation", Nature Machine Intelligence 2023; the conditions are zennit-crp's `ChannelConcept` masks.
    Differs: `crp.attribution.CondAttribution` repeats the image for each condition, and registers and removes hooks and
        canonizers around each call, which is neither fast nor safe between threads. The heatmaps are the same.
    """

    def __init__(
        self,
        model: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        composite: str = "epsilon_plus_flat",
        device: torch.device | str | None = None,
    ) -> None:
        """Copy and canonize the model, and register the rules on the copy.

        Args:
            model: a plain timm classifier; copied, in whatever mode it is.
            mean: of each colour, as the classifier's training normalised with.
            std: of each colour.
            composite: a name in `COMPOSITES`.
            device: of the copy; by default the model's.

        Raises:
            RelevanceError: the composite is unknown, or relevance cannot be propagated through this architecture.
        """
        if composite not in COMPOSITES:
            raise RelevanceError(f"Expected a composite among {sorted(COMPOSITES)}, found {composite!r}; choose one.")
        family_of(model)  # refuses before anything is copied
        self._model = copy.deepcopy(model).eval()
        canonize(self._model)
        self._model.set_grad_checkpointing(False)  # type: ignore[operator]  # it would run the hooks twice
        self._model.to(device).requires_grad_(False)
        parameter = next(self._model.parameters())
        self._mean = torch.tensor(mean).reshape(1, -1, 1, 1).to(parameter)
        self._std = torch.tensor(std).reshape(1, -1, 1, 1).to(parameter)
        self._composite = COMPOSITES[composite]()
        self._composite.register(self._model)
        self._lock = threading.Lock()

    def heatmaps(
        self,
        pixels: Float[Tensor, "1 3 height width"],
        starts: Float[Tensor, "starts neurons"],
        chunk: int = 16,
    ) -> Heatmaps:
        """Propagate each row of relevance at the pooled features to the pixels of the normalised image.

        Global average pooling spreads ``start_j`` over the channel's feature map: ``R_jhw = start_j · A_jhw / ΣA_j``.
        Relevance given to a channel that is zero everywhere has no place to go to and is missing in the conservation.

        Args:
            pixels: one image, RGB in [0, 1].
            starts: one row for each heatmap wanted: a class's relevance r, rows of `conditions`, shares of a distance.
            chunk: starts that go backward together; bounds memory, to tens of MB for each at 224.

        Raises:
            RelevanceError: a shape does not fit the classifier, a value is not finite, or relevance became so.
        """
        if pixels.ndim != 4 or pixels.shape[:2] != (1, self._mean.numel()):
            raise RelevanceError(
                f"Expected pixels of shape (1, {self._mean.numel()}, height, width), found {tuple(pixels.shape)}; "
                "ask for the heatmaps of one image at a time."
            )
        neurons = int(self._model.num_features)  # type: ignore[arg-type]
        if starts.ndim != 2 or starts.shape[1] != neurons or len(starts) == 0:
            raise RelevanceError(
                f"Expected starts of shape (starts ≥ 1, {neurons}), found {tuple(starts.shape)}; give one row of "
                "relevance at the pooled features for each heatmap."
            )
        if not bool(torch.isfinite(starts).all()) or not bool(torch.isfinite(pixels).all()):
            raise RelevanceError(
                "Expected finite pixels and starts, found nan or infinity; look at the image's features."
            )
        with self._lock, torch.inference_mode(False), torch.enable_grad():
            try:
                relevance = self._propagate(pixels.detach().clone(), starts.detach().clone(), chunk)
            finally:
                self._forget()
        if not bool(torch.isfinite(relevance).all()):
            raise RelevanceError(
                "Expected finite relevance at the pixels, found nan or infinity: this image cannot be explained by the "
                "composite; the detection is not affected."
            )
        maps = relevance.sum(dim=1)
        total = starts.detach().double().sum(dim=1).cpu()
        conserved = maps.double().sum(dim=(1, 2)) / torch.where(total == 0, torch.nan, total)
        return Heatmaps(maps.float(), conserved.float())

    def _propagate(self, pixels: Tensor, starts: Tensor, chunk: int) -> Float[Tensor, "starts 3 height width"]:
        image = ((pixels.to(self._mean) - self._mean) / self._std).requires_grad_()
        features = self._model.forward_features(image)  # type: ignore[operator]
        activation = features.detach()
        if not bool(torch.isfinite(activation).all()):
            raise RelevanceError(
                "Expected a finite feature map, found nan or infinity; check the classifier's weights."
            )
        total = activation.sum(dim=(2, 3), keepdim=True)
        spread = torch.where(total > 0, activation / total, 0)  # the last layer is a ReLU: total 0 means all 0

        def backward(start: Tensor) -> Tensor:
            return torch.autograd.grad(features, image, start, retain_graph=True)[0]

        parts = []
        for rows in starts.to(spread).split(chunk):
            parts.append(torch.func.vmap(backward)(rows[:, None, :, None, None] * spread)[:, 0].cpu())
        return torch.cat(parts)

    def _forget(self) -> None:
        """Let go of the image's tensors; the hooks stay."""
        for handles in self._composite.handles:
            if isinstance(handles, RemovableHandleList):
                hook: Hook | None = handles[0].instance_ref()
                if hook is not None:
                    hook.stored_tensors.clear()


def conditions(relevance: Float[Tensor, " neurons"], channels: Sequence[int]) -> Float[Tensor, "conditions neurons"]:
    """Start relevance of conditional heatmaps: one row for each channel, all channels but that one masked.

    Raises:
        RelevanceError: a channel that does not exist.
    """
    neurons = len(relevance)
    wrong = [channel for channel in channels if not 0 <= channel < neurons]
    if wrong:
        raise RelevanceError(f"Expected channels in 0 … {neurons - 1}, found {wrong}; choose existing channels.")
    rows = relevance.detach().expand(len(channels), -1).clone()
    for row, channel in enumerate(channels):
        rows = ChannelConcept.mask(row, [channel])(rows)
    return rows
