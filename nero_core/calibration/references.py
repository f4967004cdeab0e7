"""Reference images of every channel, by relevance (RelMax) and by activation (ActMax), with conditional heatmaps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int, Int8
from torch import Tensor

from nero_core.device import float64
from nero_core.errors import CalibrationError, RelevanceError
from nero_core.relevance.coarse import CELLS, coarse, from_steps, to_steps
from nero_core.relevance.concept import conditions
from nero_core.relevance.heatmap import Attributor
from nero_core.relevance.strongest import strongest_images
from nero_core.types import ChannelReferences, ImageBatch

By = Literal["relevance", "activation"]
REFERENCES = 4  # images a channel and kind: with 512 channels some 3 000 heatmaps, 1 MB and minutes on two cores

_AT_ONCE = 64  # heatmaps of one image, 13 MB at 224


@dataclass(frozen=True, slots=True)
class ReferenceMaps:
    """The reference images of every channel, chosen in one way.

    Attributes:
        images: rows of the fit bank, most first; -1 where a channel has no further image with a value above 0.
        heatmaps: conditional heatmaps in steps of their scale.
        scales: relevance that one step stands for, ≥ 0.
    """

    images: Int[Tensor, "neurons references"]
    heatmaps: Int8[Tensor, "neurons references 16 16"]
    scales: Float[Tensor, "neurons references"]


@dataclass(frozen=True, slots=True)
class References:
    """What a bundle keeps of its channels' reference images.

    Attributes:
        composite: name of the composite that made the heatmaps.
        relevance: RelMax.
        activation: ActMax.
    """

    composite: str
    relevance: ReferenceMaps
    activation: ReferenceMaps

    def of_channel(
        self,
        channel: int,
        by: By,
        ids: Sequence[str],
        relevance: Float[Tensor, " images"],
        activation: Float[Tensor, " images"],
    ) -> ChannelReferences:
        """One channel's references, with its relevance and activation in the fit bank, whose rows ``ids`` names."""
        stored = self.relevance if by == "relevance" else self.activation
        is_filled = stored.images[channel] >= 0
        images = stored.images[channel][is_filled]
        maps = from_steps(stored.heatmaps[channel][is_filled], stored.scales[channel][is_filled])
        return describe_references(channel, by, images, ids, relevance, activation, maps, self.composite)


def make_references(
    attributor: Attributor,
    batches: Iterable[ImageBatch],
    ids: Sequence[str],
    relevance: Float[Tensor, "images neurons"],
    features: Float[Tensor, "images neurons"],
    count: int = REFERENCES,
    on_progress: Callable[[int, int], None] | None = None,
) -> References:
    """For every channel the ``count`` images that use it most, by relevance and by activation, and their heatmaps.

    One forward pass an image serves 64 channels that have it among their references. What the composite cannot explain
    is left out.

    Args:
        attributor: of the model that made the features, with the composite to use.
        batches: the images of the bank, in its order.
        ids: of the bank's images.
        relevance: of the bank, float64 on the CPU.
        features: of the bank, on the CPU.
        count: references a channel and kind.
        on_progress: told (done, total) heatmaps.

    Raises:
        CalibrationError: the images are not those of the bank.

    Reference:
        Achtibat et al., Nature Machine Intelligence 2023 (RelMax); ActMax is the same on activations.
    """
    chosen = {"relevance": strongest_images(relevance, count), "activation": strongest_images(features, count)}
    wanted = _channels_of_images(tuple(chosen.values()), len(ids))
    total = sum(map(len, wanted))
    maps = {kind: torch.zeros(*images.shape, CELLS, CELLS, dtype=torch.float64) for kind, images in chosen.items()}
    done = row = 0
    for batch in batches:
        for pixels, digest in zip(batch.pixels, batch.ids, strict=True):
            if row >= len(ids) or digest != ids[row]:
                raise CalibrationError(
                    f"Expected the fit images as they were observed. Found another: {batch.names[0]} or one after it "
                    "was changed meanwhile. Calibrate again."
                )
            for first in range(0, len(wanted[row]), _AT_ONCE):
                channels = wanted[row][first : first + _AT_ONCE]
                try:
                    made = attributor.heatmaps(pixels[None], conditions(relevance[row], channels))
                    heatmaps = coarse(made.maps, attributor.sigma)
                except RelevanceError:
                    heatmaps = None
                for kind, images in chosen.items():
                    for position, channel in enumerate(channels):
                        place = images[channel] == row
                        if heatmaps is None:
                            images[channel][place] = -1
                        else:
                            maps[kind][channel][place] = heatmaps[position]
                done += len(channels)
                if on_progress is not None:
                    on_progress(done, total)
            row += 1
    if row != len(ids):
        raise CalibrationError(f"Expected the {len(ids)} fit images. Found {row}. Calibrate again.")
    by_kind = {kind: ReferenceMaps(images, *to_steps(maps[kind])) for kind, images in chosen.items()}
    return References(attributor.composite, by_kind["relevance"], by_kind["activation"])


def describe_references(
    channel: int,
    by: By,
    images: Int[Tensor, " references"],
    ids: Sequence[str],
    relevance: Float[Tensor, " images"],
    activation: Float[Tensor, " images"],
    heatmaps: Float[Tensor, "references 16 16"] | None,
    composite: str,
    from_thumbnails: bool = False,
) -> ChannelReferences:
    """The record of one channel's references, ``images`` being rows of the fit bank, as are the channel's values."""
    values = relevance if by == "relevance" else activation
    return ChannelReferences(
        channel=channel,
        by=by,
        ids=tuple(ids[row] for row in images.tolist()),
        values=tuple(float64(values[images]).tolist()),
        relevance=tuple(float64(relevance[images]).tolist()),
        heatmaps=heatmaps,
        composite=composite if heatmaps is not None else "",
        from_thumbnails=from_thumbnails and heatmaps is not None,
    )


def _channels_of_images(chosen: Sequence[Int[Tensor, "neurons references"]], images: int) -> list[list[int]]:
    """For each image the channels that have it among their references, each once."""
    wanted: list[set[int]] = [set() for _ in range(images)]
    for rows in chosen:
        for channel, references in enumerate(rows.tolist()):
            for row in references:
                if row >= 0:
                    wanted[row].add(channel)
    return [sorted(channels) for channels in wanted]
