"""The map of all ID relevance vectors: pictures under the pointer, this image marked, a lasso that gathers images."""

import io
from collections import Counter
from collections.abc import Sequence
from functools import partial
from html import escape
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st
import torch
from PIL import Image, UnidentifiedImageError

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin, reference_pixels
from dashboard.components.link_values import choices, link_values
from dashboard.components.task_progress import task_progress
from dashboard.pages.explorer.map_beside import NOTHING, Beside, beside_data, map_beside
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import CLASSES, ID
from nero_core import Inspector
from nero_core.errors import BusyError, NeroError
from nero_core.figures import Panel, data_uri, is_beyond, map_core, panels_figure, relevance_map_figure
from nero_core.types import MapPlace, RelevanceMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: dict[str, Literal["pca", "umap"]] = {"PCA": "pca", "UMAP": "umap"}
TILE = 48  # pixels of a picture on the sheet
MOST_PICTURES = 4096  # on the sheet: some 3 MB in the browser; further points have none
SHOWN = 60  # chosen images in a row of the grid
AROUND = 12  # images that the keyboard chooses at once
_HERE = Path(__file__).parent
_map = st.components.v2.component(
    "nero_image_map",
    html=(
        '<div class="map" role="group" aria-label="Map of reference images">'
        '<div class="tools" role="toolbar" aria-label="The map\'s tools"></div>'
        '<svg class="plane" tabindex="0" role="application"></svg><div class="tip" hidden></div>'
        '<div class="said" role="status" aria-live="polite"></div>'
        '<div class="legend" role="group" aria-label="Classes"></div>'
        '<p class="keys">Drag around points to choose their images; with Shift they are added. By keyboard: arrows go '
        "from point to point, Enter chooses one, Shift and Enter the twelve nearest. Escape hides the picture; "
        "Escape again clears the choice. A class in the legend chooses all its images.</p></div>"
    ),
    css=(_HERE / "image_map.css").read_text("utf-8"),
    js=(_HERE / "image_map.js").read_text("utf-8"),
)


def explorer_map(inspector: Inspector, item: Source | None) -> None:
    """The kind of map, the map, and the images that were chosen on it."""
    with st.container(border=True, key="explorer_map"):
        with link_values({state.explorer.MAP_KIND: choices("map", list(KINDS))}):
            chosen = st.segmented_control(
                "Map by", list(KINDS), default="PCA", required=True, key=state.explorer.MAP_KIND, bind="query-params"
            )
        kind = KINDS[chosen or "PCA"]
        with plain_errors():
            laid = _laid(inspector, kind)
            if laid is not None:
                _explore(inspector, item, laid)


def _laid(inspector: Inspector, kind: Literal["pca", "umap"]) -> RelevanceMap | None:
    """The map; None while UMAP is at work, and then the page says so."""
    says = f"Laying out {inspector.bundle.fit_size} images by {kind.upper()}"
    if kind == "pca":
        with st.spinner(f"{says} …"):
            return resources.explorer(inspector).relevance_map(kind)
    task = task_progress(
        "map",
        says,
        lambda instead_of: resources.umap(inspector, instead_of),
        lambda: state.site.go_to(state.explorer.MAP_KIND, "PCA"),
        parts="epochs",
        note="UMAP is compiled once on a server: half a minute, or minutes on a busy one. Its epochs take seconds.",
        around=("compiling it, once on a server, and finding neighbours", "compiling what places an image on the map"),
    )
    return None if task is None else task.result()


@st.fragment
def _explore(inspector: Inspector, item: Source | None, laid: RelevanceMap) -> None:
    with plain_errors():
        place = None if item is None else _placed(inspector, item, laid.kind)
        beside = map_beside(inspector, item, laid)
        # rows of one reference set mean no other: the key names it
        key = f"{state.explorer.IMAGE_MAP}_{laid.kind}_{inspector.bundle.digest[:12]}"
        answer = _map(
            key=key,
            data=_data(inspector, item, laid, place, beside) | {"chosen": state.explorer.chosen_on_map(key)},
            on_chosen_change=lambda: None,
        )
        _caption(laid, place, beside)
        names = inspector.bundle.card.class_names
        others = [MapPlace(torch.as_tensor(each), (), ()) for each in beside.own_points]
        make = partial(relevance_map_figure, laid, names, place, beside.ood, others)
        footer = None if item is None or place is None else origin(inspector, item)
        figure_download(f"map by {laid.kind}", make, "relevance_map", footer=footer)
        if place is not None and item is not None:
            _nearest(inspector, item, place)
        _chosen(inspector, [int(row) for row in answer.chosen or [] if 0 <= int(row) < len(laid.ids)], laid)


def _placed(inspector: Inspector, item: Source, kind: Literal["pca", "umap"]) -> MapPlace | None:
    """Where this image lies; None where that cannot be said, which leaves the map standing."""
    with plain_errors():  # an image without finite relevance
        try:
            with st.spinner("Looking for this image's place …"):
                return resources.place(inspector, item, kind)
        except BusyError as error:
            st.info(words.plain(str(error)), icon=":material/hourglass_empty:")
            st.button(
                "Look again", icon=":material/refresh:", key="place_again"
            )  # pressed, it runs this fragment again
    return None


def _caption(laid: RelevanceMap, place: MapPlace | None, beside: Beside) -> None:
    if laid.kind == "pca":
        says = (
            "Each point is one reference image: its relevance in all channels along the two directions of largest "
            f"variance, which keep {words.percent(laid.explained)} of it."
        )
    else:
        says = (
            "Each point is one reference image, near those whose relevance is similar. Which images are near each "
            "other has a meaning; how far groups lie apart, and how wide they are, has none."
        )
    near = (
        " Rings: the reference images nearest to this image by the distance of NERO's score, which counts all "
        "components, so they need not be nearest on the map."
        if place is not None
        else ""
    )
    ood = ""
    if beside.ood is not None and len(beside.ood.ids):
        low, high = map_core(np.asarray(laid.coordinates))
        far = int(is_beyond(np.asarray(beside.ood.coordinates), low, high).sum())
        ood = (
            " Crosses: the reference set's OOD images, which have not shaped the map; it keeps no pictures of them. "
            f"{far} of the {len(beside.ood.ids)} lie beyond the reference images."
        )
    beyond = ""
    if has_far_points(laid, beside):
        hollow = ", hollow" if has_far_points(laid) else ""
        beyond = f" Points that lie far out are drawn at the edge{hollow}. “Show all” brings them in, with less detail."
    more = f" Points after the first {MOST_PICTURES} have no picture." if len(laid.ids) > MOST_PICTURES else ""
    st.caption(says + near + ood + beyond + more)


def has_far_points(laid: RelevanceMap, beside: Beside = NOTHING) -> bool:
    """Whether the part that is shown first leaves points out."""
    points = np.asarray(laid.coordinates)
    return bool(is_beyond(np.concatenate([points, beside.points]), *map_core(points)).any())


def _nearest(inspector: Inspector, item: Source, place: MapPlace) -> None:
    st.markdown(f"**The reference images nearest to {words.plain(item.name)}**, with their L1 distance in NERO's space")
    says = [
        f"distance {words.number(distance, 4)}" for distance in place.distances
    ]  # with three the order is not visible
    st.html(reference_strip(inspector, place.nearest, says))
    make = partial(strip_figure, inspector, place.nearest, says)
    figure_download("nearest reference images", make, "nearest_images", footer=origin(inspector, item))


def _chosen(inspector: Inspector, rows: list[int], laid: RelevanceMap) -> None:
    if not rows:
        st.markdown("Choose points on the map to see their images here.")
        return
    names = inspector.bundle.card.class_names
    counts = Counter(names[int(laid.labels[row])] for row in rows)
    with st.container(key="chosen_images"):
        st.markdown(words.plain(words.chosen_images(dict(counts.most_common()))))
        choice = f"{laid.kind} {rows}"
        shown = rows[: SHOWN * (1 + state.explorer.more_chosen(choice))]
        st.html(reference_strip(inspector, [laid.ids[row] for row in shown]))
        make = partial(strip_figure, inspector, [laid.ids[row] for row in shown])
        figure_download("chosen reference images", make, "chosen_images")
        if len(shown) < len(rows):
            st.button(
                f"Show more, {len(rows) - len(shown)} are left",
                key="more_chosen_images",
                on_click=state.explorer.show_more_chosen,
                args=(choice,),
            )


def reference_strip(
    inspector: Inspector, ids: tuple[str, ...] | list[str], says: list[str] | tuple[str, ...] = ()
) -> str:
    """Reference images as a grid of figures, each with its class and what is said of it."""
    figures = []
    for place, reference_id in enumerate(ids):
        name = inspector.reference_class(reference_id)
        shown = marks.reference_picture(inspector, reference_id, f"Reference image of {name}")
        text = f"<br>{escape(says[place])}" if says else ""
        figures.append(f"<figure>{shown}<figcaption>{escape(name)}{text}</figcaption></figure>")
    return f'<div class="nero-references nero-strip">{"".join(figures)}</div>'


def strip_figure(inspector: Inspector, ids: Sequence[str], says: Sequence[str] = ()) -> "Figure":
    """The same images as a figure, eight in a row."""
    panels = []
    for place, reference in enumerate(ids):
        lines = [inspector.reference_class(reference), *says[place : place + 1]]
        panels.append(Panel((reference_pixels(inspector, reference),), "", "\n".join(lines)))
    return panels_figure([("", panels)], 8)


def _data(
    inspector: Inspector, item: Source | None, laid: RelevanceMap, place: MapPlace | None, beside: Beside
) -> dict[str, Any]:
    """What the browser draws: all coordinates in [0, 1], this image inside."""
    points = np.asarray(laid.coordinates)
    here = None if place is None else np.asarray(place.here)
    low, high = map_core(points, here)
    span = np.where(high > low, high - low, 1.0)
    sheet, tiles, pictures = _sheet(resources.key(inspector), inspector)
    rows = {reference_id: row for row, reference_id in enumerate(laid.ids)}
    names = list(inspector.bundle.card.class_names)
    image_id = item.id if item is not None and place is not None else ""
    return {
        "key": f"{resources.key(inspector)} {laid.kind} {image_id} {beside.key}",
        "label": f"Map of {len(points)} reference images by {laid.kind.upper()}. Arrow keys walk from point to point.",
        "points": np.round((points - low) / span, 4).tolist(),
        "spans": span.tolist() if laid.kind == "pca" else None,  # one scale for both axes: distances mean something
        "classes": laid.labels.tolist(),
        "names": names,
        "colours": [ID, *CLASSES],
        "ids": [reference_id[:8] for reference_id in laid.ids],
        "nearest": [] if place is None else [rows[reference] for reference in place.nearest],
        "here": None if here is None else np.round((here - low) / span, 4).tolist(),
        "sheet": sheet,
        "tiles": tiles,
        "pictures": pictures,
        "columns": max(1, ceil(sqrt(pictures))),
        "around": AROUND,
        "extra": beside_data(inspector, beside, low, span),
    }


@st.cache_resource(max_entries=3, ttl=24 * resources.HOUR, show_spinner="Gathering the small pictures …")
def _sheet(model_key: str, _inspector: Inspector) -> tuple[str, list[int], int]:
    """All small pictures on one sheet: its data URI, each image's place on it (-1 = none), and how many there are."""
    pictures, tiles = [], []
    for row, reference_id in enumerate(_inspector.bundle.fit.ids):
        tiles.append(-1)
        if row >= MOST_PICTURES:
            continue
        try:
            with Image.open(io.BytesIO(_inspector.thumbnail(reference_id))) as opened:
                opened.thumbnail((TILE, TILE))
                pictures.append(opened.convert("RGB"))
        except (NeroError, UnidentifiedImageError, OSError):
            continue
        tiles[-1] = len(pictures) - 1
    if not pictures:
        return "", tiles, 0
    columns = ceil(sqrt(len(pictures)))
    sheet = Image.new("RGB", (columns * TILE, ceil(len(pictures) / columns) * TILE))
    for place, picture in enumerate(pictures):
        left = (place % columns) * TILE + (TILE - picture.width) // 2
        sheet.paste(picture, (left, (place // columns) * TILE + (TILE - picture.height) // 2))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=70, method=0)
    return data_uri(file.getvalue(), "webp"), tiles, len(pictures)
