"""Heatmaps: relevance of the feature channels, propagated to the pixels (LRP, CRP)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from crp.concepts import ChannelConcept
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.relevance.concept import conditions
from nero_core.types import BlockConservation, UpstreamChannels

__all__ = ["Attributor", "Heatmaps", "conditions"]


#: Of the grid's step. A ResNet's strided shortcuts read every 32nd pixel at the last stage and a ViT its patches, so
#: that relevance reaches the pixels on a grid, which is the network's and not the image's. At 3/8 of its step the grid
#: is hardly seen: exp(-2π²·(3/8)²) = 6 % of its first harmonic is left; at more, neighbours that differ run together.
SMOOTHING = 3 / 8


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Signed relevance of the pixels, summed over colour; on the CPU.

    Attributes:
        maps: one heatmap for each row of initial relevance, in its unit and scale.
        conservation: sum of each map over its initial relevance; 1 = nothing lost, nan where that sums to 0.
        cancellation: Σ|R| of each map over |its initial relevance|; 1 = all of one sign and nothing lost, large where
            positive and negative parts mostly cancel, nan where that sums to 0.
    """

    maps: Float[Tensor, "maps height width"]
    conservation: Float[Tensor, " maps"]
    cancellation: Float[Tensor, " maps"]


class Attributor:
    """Propagates relevance from the pooled features of a timm classifier to the pixels. Safe to share between threads.

    It holds an attribution copy of the classifier, canonized once, with the composite's hooks registered once and
    never removed; the model that was handed in is not touched. A lock lets one thread at a time through.

    One forward pass serves all heatmaps of an image: relevance propagation is linear in the initial relevance, so
    all rows of it go backward together.

    Attributes:
        composite: name of the composite, in `COMPOSITES`.
        sigma: standard deviation of the Gaussian that the heatmaps are shown with, in pixels: `SMOOTHING` of the grid
            on which the network reads the image, which is a ViT's patch and otherwise what the strides of all stages
            multiply to. 12 for a ResNet, 6 for a ViT with patches of 16 pixels, at any input size. The maps themselves
            are not smoothed.

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
        composite: str | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        """Copy and canonize the model, and register the rules on the copy.

        Args:
            model: a plain timm classifier; copied, in whatever mode it is.
            mean: of each colour, as the classifier's training normalised with.
            std: of each colour.
            composite: a name in `COMPOSITES` that propagates relevance; None = the default of the family's concept
                maps.
            device: of the copy; by default the model's.

        Raises:
            RelevanceError: the composite is unknown or does not suit the family, or relevance cannot be propagated
                through this architecture.
        """
        from nero_core.relevance.attribution_copy import AttributionCopy  # not before: it imports timm

        self._copy = AttributionCopy(model, mean, std, composite, device)
        self.composite = self._copy.composite
        self.sigma = SMOOTHING * grid_step(self._copy.model)

    def heatmaps(
        self,
        pixels: Float[Tensor, "1 3 height width"],
        initial_relevance: Float[Tensor, "maps neurons"],
        chunk: int = 16,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Heatmaps:
        """Propagate each row of relevance at the pooled features to the pixels of the normalised image.

        Global average pooling spreads ``s_j`` over the channel's feature map: ``R_jhw = s_j · A_jhw / ΣA_j``.
        Relevance given to a channel that is zero everywhere has no place to go to and is missing in the conservation.

        Args:
            pixels: one image, RGB in [0, 1].
            initial_relevance: one row for each heatmap wanted: a class's relevance r, rows of `conditions`,
                contributions to a distance.
            chunk: rows that go backward together; bounds memory, to tens of MB for each at 224.
            on_progress: called with the number of heatmaps that are done and of all.

        Raises:
            RelevanceError: a shape does not fit the classifier, a value is not finite, or relevance became so.
        """
        self._copy.check(pixels, initial_relevance)
        with self._copy.graph(pixels) as graph:
            maps = graph.heatmaps(
                graph.features, graph.initial_signal(initial_relevance.detach().clone()), chunk, on_progress
            )
        _check_finite(maps)
        total = float64(initial_relevance.detach()).cpu().sum(dim=1)
        total = torch.where(total == 0, torch.nan, total)
        conserved = float64(maps).sum(dim=(1, 2)) / total
        cancelled = float64(maps).abs().sum(dim=(1, 2)) / total.abs()
        return Heatmaps(maps.float(), conserved.float(), cancelled.float())

    def blocks(
        self, pixels: Float[Tensor, "1 3 height width"], initial_relevance: Float[Tensor, " neurons"]
    ) -> tuple[BlockConservation, ...]:
        """Relevance at the output of every block on the way from the features down to the pixels, which come last.

        Biases of the layers above take their share under some rules; it is measured by the rule itself, as the share of
        an input that is always 1, and what is left unexplained is what the stabiliser and rounding took.

        Args:
            pixels: one image, RGB in [0, 1].
            initial_relevance: at the pooled features.

        Raises:
            RelevanceError: as `heatmaps`.
        """
        self._copy.check(pixels, initial_relevance[None])
        names = tuple(reversed(self._copy.family.blocks(self._copy.model)))
        total = float(float64(initial_relevance.detach()).sum())
        sums: list[list[Tensor]] = []  # of each block: the relevance that reached it, and what each layer above took
        with self._copy.graph(pixels, names, measures=True) as graph:
            place, signal = graph.features, graph.initial_signal(initial_relevance.detach().clone()[None])[0]
            for lower in [*(graph.outputs[name] for name in names), graph.image]:
                place, signal = lower, graph.signal(place, lower, signal)
                sums.append([float64(graph.relevance(place, signal)).sum(), *self._copy.absorbed()])
        values = iter(torch.stack([value for block in sums for value in block]).tolist())  # one copy from the device
        blocks = []
        for name, block in zip([*names, "pixels"], sums, strict=True):
            reached, absorbed = next(values), sum(islice(values, len(block) - 1), 0.0)
            if not math.isfinite(reached + absorbed):
                raise _not_finite("the pixels" if name == "pixels" else name)
            blocks.append(
                BlockConservation(
                    name=name,
                    relevance=reached,
                    absorbed=absorbed,
                    ratio=(reached + absorbed) / total if total != 0 else float("nan"),
                )
            )
        return tuple(blocks)

    def upstream_channels(
        self, pixels: Float[Tensor, "1 3 height width"], initial_relevance: Float[Tensor, " neurons"], count: int = 5
    ) -> UpstreamChannels:
        """The channels of the stage before a channel: the CRP attribution graph, one stage down.

        Relevance at the output of that stage, summed over space or tokens, for each channel; then each of the largest
        alone goes on to the pixels, all others masked.

        Args:
            pixels: one image, RGB in [0, 1].
            initial_relevance: at the pooled features, such as one row of `conditions`.
            count: number of channels, by the magnitude of their relevance.

        Raises:
            RelevanceError: as `heatmaps`, or more channels are asked for than the stage has.
        """
        self._copy.check(pixels, initial_relevance[None])
        stage = self._copy.family.previous_stage(self._copy.model)
        is_tokens = self._copy.family.layout == "tokens"

        def as_maps(relevance: Tensor) -> Tensor:
            """A view with the channels on the second axis, where zennit-crp has them."""
            return relevance.movedim(-1, 1) if is_tokens else relevance

        with self._copy.graph(pixels, (stage,)) as graph:
            output = graph.outputs[stage]
            signal = graph.signal(
                graph.features, output, graph.initial_signal(initial_relevance.detach().clone()[None])[0]
            )
            by_channel = ChannelConcept().attribute(as_maps(graph.relevance(output, signal)), abs_norm=False)[0]
            if not 1 <= count <= len(by_channel):
                raise RelevanceError(
                    f"Expected 1 to {len(by_channel)} channels of {stage}. Found {count}. Ask for fewer."
                )
            channels = by_channel.abs().topk(count).indices.tolist()
            rows = signal.detach().expand(count, *signal.shape[1:]).clone()
            for row, channel in enumerate(channels):
                ChannelConcept.mask(row, [channel])(as_maps(rows))  # in place
            maps = graph.heatmaps(output, rows[:, None], chunk=16)
        _check_finite(maps)
        return UpstreamChannels(stage, tuple(channels), tuple(by_channel.detach()[channels].tolist()), maps.float())


def grid_step(model: nn.Module) -> int:
    """Pixels of the image from one position of the last feature map, or one patch, to the next."""
    return int(model.feature_info[-1]["reduction"])  # type: ignore[index]  # timm measures strides and patches itself


def _check_finite(maps: Tensor) -> None:
    if not bool(torch.isfinite(maps).all()):
        raise _not_finite("the pixels")


def _not_finite(place: str) -> RelevanceError:
    return RelevanceError(
        f"Expected finite relevance at {place}, found nan or infinity: this image cannot be explained by the "
        "composite; the detection is not affected."
    )
