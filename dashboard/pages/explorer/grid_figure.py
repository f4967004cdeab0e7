"""The tiles of the explorer as a figure, and the reference images that they show."""

from typing import TYPE_CHECKING, Any

from dashboard.components.figure_download import reference_pixels
from nero_core import Inspector
from nero_core.figures import Panel, panels_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = 3  # reference images a tile
COLUMNS = 6  # of tiles: a page of them fits on a page of a paper


def grid_figure(inspector: Inspector, tiles: list[dict[str, Any]], sort: str) -> "Figure":
    """The tiles of the page that is shown, with the figure that sorts them."""
    used = most_used(inspector, [tile["channel"] for tile in tiles])
    panels = []
    for tile, ids in zip(tiles, used, strict=True):
        texts = [f"{name} {value}" for name, value, is_sorted in tile["facts"] if is_sorted] or [
            f"{name} {value}" for name, value, _ in tile["facts"][:1]
        ]
        pictures = tuple(reference_pixels(inspector, reference) for reference in ids)
        panels.append(Panel(pictures, str(tile["channel"]), "\n".join([tile["class"], *texts])))
    by = "what they add to the distance of this image" if sort == "this image" else sort
    note = f"Channels by {by}: the reference images that use each most, and the class with its largest mean relevance."
    return panels_figure([("", panels)], COLUMNS, note=note)


def most_used(inspector: Inspector, channels: list[int]) -> list[list[str]]:
    """The reference images that use each channel most, most first; fewer, or none, where few use it."""
    relevance, ids = inspector.fit_relevance(), inspector.bundle.fit.ids
    values, rows = relevance[:, channels].topk(min(PICTURES, len(ids)), dim=0)
    return [
        [ids[row] for row, value in zip(*pair, strict=True) if value > 0]
        for pair in zip(rows.T.tolist(), values.T.tolist(), strict=True)
    ]
