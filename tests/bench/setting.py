"""What the steps measure on: bundles, images and how often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nero_core import Inspector
from nero_core.phantom.drawing import write_phantoms
from tests.bench.crowd import UPLOADS
from tests.bench.process import ROOT
from tests.bench.record import Row

BUNDLES = ROOT / "assets" / "bundles"


@dataclass
class Setting:
    """Loaded when a step first asks for it, and shared by all steps of a run.

    Attributes:
        folder: for files of the run.
        rounds: of each pair.
        resnet: folder of the bundle of most rows.
        transformer: folder of the bundle of the rows of a transformer.
        uploads: of which the server's memory is measured.
    """

    folder: Path
    rounds: int = 9
    resnet: Path = BUNDLES / "phantom-resnet18"
    transformer: Path = BUNDLES / "phantom-deit"
    uploads: int = UPLOADS

    @cached_property
    def inspector(self) -> Inspector:
        """Of the ResNet."""
        return Inspector.load(self.resnet)

    @cached_property
    def usual(self) -> Inspector:
        """Of the bundle that a page begins with, an EfficientNet-Lite0."""
        return Inspector.load()

    @cached_property
    def vit(self) -> Inspector:
        """Of the transformer."""
        return Inspector.load(self.transformer)

    @cached_property
    def batch_size(self) -> int:
        """64 images on a card, 32 on a processor."""
        return 32 if self.inspector.device.type == "cpu" else 64

    @cached_property
    def files(self) -> list[Path]:
        """Phantoms of 224 × 224 pixels, a batch of them."""
        return write_phantoms(self.folder / "phantoms", self.batch_size // 8, seed=99)[: self.batch_size]


@dataclass(frozen=True, slots=True)
class Step:
    """What can be measured by its name.

    Attributes:
        rows: measures.
        is_long: takes minutes, so that it is measured only where it is asked for.
    """

    rows: Callable[[Setting], Iterable[Row]]
    is_long: bool = False
