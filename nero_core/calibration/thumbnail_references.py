"""References of one channel when the bundle keeps none: made from its small pictures, when they are asked for."""

import threading
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.references import REFERENCES, By, describe_references
from nero_core.data.decode import THUMBNAIL_LIMITS, decode_batch
from nero_core.errors import ImageError, RelevanceError
from nero_core.relevance.coarse import CELLS, coarse
from nero_core.relevance.concept import conditions
from nero_core.relevance.heatmap import Attributor
from nero_core.relevance.strongest import strongest_images
from nero_core.types import ChannelReferences

KEPT = 256  # references in memory, some 5 kB each


class ThumbnailReferences:
    """Makes references from a bundle's small pictures and keeps the last of them. Safe to share between threads.

    A bundle has no other pictures. Which images these are, and their values, is the bank's and exact; a heatmap shows
    the place in a small copy of the image, enlarged to the classifier's input size, and still starts from the relevance
    of the image itself. An image whose small picture is none, or cannot be explained, is left out.

    Args:
        bundle: where the pictures are.
        relevance: of its fit bank, on the CPU.
        attributor: of its model; None where the architecture has no honest heatmap.
        count: references at most.
        kept: references of channels to keep in memory.
    """

    def __init__(
        self,
        bundle: Bundle,
        relevance: Float[Tensor, "images neurons"],
        attributor: Attributor | None,
        count: int = REFERENCES,
        capacity: int = KEPT,
    ) -> None:
        self.bundle, self.relevance, self.attributor = bundle, relevance, attributor
        self.count, self.kept = count, capacity
        self._found: OrderedDict[tuple[int, By], ChannelReferences] = OrderedDict()
        self._lock = threading.Lock()

    def of_channel(self, channel: int, by: By) -> ChannelReferences:
        """One channel's references.

        Raises:
            BundleError: a small picture is missing.
        """
        key = (channel, by)
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        references = self._make(channel, by)  # two threads may both make it: it is the same
        with self._lock:
            self._found[key] = references
            while len(self._found) > self.kept:
                self._found.popitem(last=False)
        return references

    def _make(self, channel: int, by: By) -> ChannelReferences:
        fit = self.bundle.fit
        relevance, activation = self.relevance[:, channel], fit.features[:, channel].cpu()
        values = relevance if by == "relevance" else activation
        images = strongest_images(values[:, None], self.count)[0]
        images = images[images >= 0]
        maps, composite = None, ""
        if self.attributor is not None:
            composite, size = self.attributor.composite, self.bundle.classifier.input_size
            maps, explained = torch.zeros(0, CELLS, CELLS), []
            for row in images.tolist():
                data = self.bundle.thumbnail(fit.ids[row])
                try:
                    pixels = decode_batch([data], size, limits=THUMBNAIL_LIMITS).pixels
                    heatmap = self.attributor.heatmaps(pixels, conditions(self.relevance[row], (channel,))).maps
                except (ImageError, RelevanceError):  # one picture less, and the others still there
                    continue
                maps = torch.cat([maps, coarse(heatmap, self.attributor.sigma).float()])
                explained.append(row)
            images = torch.tensor(explained, dtype=torch.long)
        return describe_references(
            channel, by, images, fit.ids, relevance, activation, maps, composite, from_thumbnails=True
        )
