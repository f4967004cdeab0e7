"""The grid of all channels: sorted, filtered, searched by number, a page at a time."""

from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import figure_download
from dashboard.components.link_values import choices, link_values, numbers
from dashboard.pages.explorer.grid_figure import grid_figure, most_used
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.errors import BundleError
from nero_core.figures import data_uri
from nero_core.types import Channels, ChannelStatistics

PAGE = 48  # tiles: what loads at once and can be looked through
ALL = "all classes"
_HERE = Path(__file__).parent
_grid = st.components.v2.component(
    "nero_channel_grid",
    html='<div class="grid"></div>',
    css=(_HERE / "grid.css").read_text("utf-8"),
    js=(_HERE / "grid.js").read_text("utf-8"),
)


def explorer_grid(inspector: Inspector, item: Source | None) -> None:
    """The controls, the tiles and the table behind them."""
    with plain_errors():
        statistics = resources.explorer(inspector).statistics()
        here = None
        if item is not None:
            with plain_errors():  # an image without finite relevance leaves the grid standing
                here = resources.channels(inspector, item)
        names, has_ood = inspector.bundle.card.class_names, inspector.bundle.ood is not None
        sort, of_class = _controls(names, has_ood, here is not None)
        order = charts.statistics_order(statistics, sort, of_class, here)
        page = _page(len(order))
        if not len(order):
            st.info("No channel has its largest mean relevance in this class. Choose another class.")
            return
        shown = tuple(int(channel) for channel in order[page * PAGE : (page + 1) * PAGE])
        made = _draw(inspector, item, statistics, here, shown, sort)
        sizes = ", ".join(f"{place} {words.plain(name)}" for name, place in _sizes(statistics, names).items())
        st.caption(
            "Each tile is one channel: the reference images that use it most, and the class with its largest mean "
            f"relevance. Channels by class: {sizes}. Selectivity: the share of a channel's variance that the classes "
            "explain, 0 to 1. Separation: AUROC of the channel alone between ID and OOD images, 0.5 to 1."
        )
        with st.container(horizontal=True):
            with st.popover("Data table", icon=":material/table:", type="tertiary"):
                st.dataframe(
                    charts.statistics_table(statistics, names, order), hide_index=True, alt="Figures of all channels"
                )
            figure_download("channels by " + sort, partial(grid_figure, inspector, made, sort), "channel_grid")


def _controls(names: tuple[str, ...], has_ood: bool, has_image: bool) -> tuple[charts.GridSort, int | None]:
    left_out = {*([] if has_ood else ["OOD separation"]), *([] if has_image else ["this image"])}
    sorts = [name for name in get_args(charts.GridSort) if name not in left_out]
    offers = {
        state.explorer.GRID_SORT: choices("order", sorts),
        state.explorer.GRID_CLASS: choices("class", [ALL, *names]),
    }
    with link_values(offers), st.container(horizontal=True, vertical_alignment="bottom"):
        sort = st.selectbox(
            "Sort by",
            sorts,
            key=state.explorer.GRID_SORT,
            bind="query-params",
            on_change=state.explorer.first_page,
            width=220,
            help="This image: by what a channel adds to the distance of the image at hand." if has_image else None,
        )
        of_class = st.selectbox(
            "Used most for",
            [ALL, *names],
            key=state.explorer.GRID_CLASS,
            bind="query-params",
            on_change=state.explorer.first_page,
            width=260,
        )
    return sort, None if of_class in (None, ALL) else names.index(of_class)


def _page(channels: int) -> int:
    """The page to show, counted from 0, with its controls."""
    pages = max(1, ceil(channels / PAGE))
    if pages == 1:
        st.caption(f"{channels} {'channel' if channels == 1 else 'channels'}")
        return 0
    if int(st.session_state.get(state.explorer.GRID_PAGE) or 1) > pages:
        state.explorer.first_page()
    offers = {state.explorer.GRID_PAGE: numbers("page", 1, pages)}
    with link_values(offers), st.container(horizontal=True, vertical_alignment="bottom", key="grid_pager"):
        back, number, on = (st.empty() for _ in range(3))
        page = number.number_input(
            f"Page, 1 to {pages}", 1, pages, step=1, key=state.explorer.GRID_PAGE, bind="query-params", width=150
        )
        for place, text, icon, to in (
            (back, "Previous", "chevron_left", page - 1),
            (on, "Next", "chevron_right", page + 1),
        ):
            place.button(
                text,
                icon=f":material/{icon}:",
                key=f"grid_{text.lower()}",
                disabled=not 1 <= to <= pages,
                on_click=state.explorer.turn_page,
                args=(to,),
            )
        first = (page - 1) * PAGE
        st.markdown(f"{first + 1} to {min(channels, first + PAGE)} of {channels} channels")
    return int(page) - 1


def _draw(
    inspector: Inspector,
    item: Source | None,
    statistics: ChannelStatistics,
    here: Channels | None,
    shown: tuple[int, ...],
    sort: charts.GridSort,
) -> list[dict[str, Any]]:
    """Draws the tiles; returns what each of them holds."""
    image_id = item.id if item is not None and here is not None else ""
    tiles = _tiles(resources.key(inspector), shown, sort, image_id, inspector, statistics, here)
    _grid(
        key=state.explorer.GRID,
        data=tiles | {"bundle": state.site.bundle()},
        on_opened_change=state.explorer.open_tile,
    )
    return list(tiles["tiles"])


@st.cache_data(max_entries=64, ttl=resources.HOUR, show_spinner=False)
def _tiles(
    model_key: str,
    shown: tuple[int, ...],
    sort: str,
    image_id: str,
    _inspector: Inspector,
    _statistics: ChannelStatistics,
    _here: Channels | None,
) -> dict[str, Any]:
    names, tiles = _inspector.bundle.card.class_names, []
    for channel, used in zip(shown, most_used(_inspector, list(shown)), strict=True):
        best = int(_statistics.best_class[channel])
        facts = [
            ("mean relevance", float(_statistics.mean_relevance[best, channel]), sort == "mean relevance"),
            ("selectivity", float(_statistics.selectivity[channel]), sort == "class selectivity"),
            ("OOD separation", float(_statistics.separation[channel]), sort == "OOD separation"),
        ]
        if _here is not None:
            by_contribution = sort == "this image"  # what sorts the tiles is what they show
            value = _here.contribution[channel] if by_contribution else _here.relevance[channel]
            facts.append(("adds to distance" if by_contribution else "this image", float(value), by_contribution))
        pictures = [
            {"uri": _uri(_inspector, reference), "alt": f"Reference image of {_inspector.reference_class(reference)}"}
            for reference in used
        ]
        told = [(name, words.number(value, 2), is_sorted) for name, value, is_sorted in facts if np.isfinite(value)]
        tiles.append({"channel": channel, "class": names[best], "pictures": pictures, "facts": told})
    return {"tiles": tiles, "key": f"{model_key} {image_id} {sort} {shown}"}


def _uri(inspector: Inspector, reference_id: str) -> str:
    try:
        return data_uri(inspector.thumbnail(reference_id), "webp")
    except BundleError:  # missing or altered: one picture less, and all tiles still there
        return ""


def _sizes(statistics: ChannelStatistics, names: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(names, statistics.best_class.bincount(minlength=len(names)).tolist(), strict=True))
