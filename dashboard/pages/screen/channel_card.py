"""Every feature channel against the centroids; choosing one opens it below."""

from typing import TYPE_CHECKING, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import figure_download, origin
from dashboard.components.image_cards import end_of_card
from dashboard.components.link_values import choices, link_values, numbers, switch
from dashboard.options import Options
from dashboard.pages.screen.concept_gallery import concept_tiles, save_concepts
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.figures import channel_figure, mean_of_few, mean_relevance_figure
from nero_core.types import Channels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def channel_card(inspector: Inspector, item: Source, options: Options, below: DeltaGenerator) -> None:
    """The plot, its controls and its table; the chosen channel opens in ``below``."""
    with st.container(border=True, height="stretch", key="channel_card"):
        _channels(inspector, item, options, below)
        end_of_card(item)


@st.fragment
def _channels(inspector: Inspector, item: Source, options: Options, below: DeltaGenerator) -> None:
    with plain_errors():
        channels = resources.channels(inspector, item)
        names, size = inspector.bundle.card.class_names, len(channels.relevance)
        offers = {
            state.screen.SPAN: switch("switch to all channels"),
            state.screen.SORT: choices("order", get_args(charts.Sort)),
        }
        with link_values(offers):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.subheader("Feature channels", anchor=False)
                is_all = st.toggle(f"All {size}", key=state.screen.SPAN, bind="query-params")
            sort = st.segmented_control(
                "Sort by",
                get_args(charts.Sort),
                default="contribution",
                required=True,
                key=state.screen.SORT,
                bind="query-params",
            )
        place = st.container()
        others, chosen = _choices(names, channels.nearest, size)
        with place:
            _plot(channels, names, options, sort or "contribution", is_all, others, chosen)
        with st.container(horizontal=True):
            with st.popover("Data table", icon=":material/table:", type="tertiary"):
                st.dataframe(
                    charts.channel_table(channels, names, sort or "contribution"), hide_index=True, alt="All channels"
                )
            top = None if is_all else charts.TOP
            figure_download(
                "channels",
                lambda: channel_figure(channels, names, top, sort or "contribution", others),
                "channels",
                footer=origin(inspector, item),
            )
            figure_download(
                "mean relevance",
                lambda: _mean_relevance(inspector, channels, options),
                "mean_relevance",
                "Save mean relevance",
                origin(inspector, item),
            )
        if few := mean_of_few(resources.explorer(inspector).mean_relevance()):
            st.caption(f"{words.plain(few)}.")
        with below:
            opened = st.empty()  # written in every run, so that Streamlit lets the fragment fill it
        if chosen is not None:
            with opened, st.container(border=True, key="open_channel"):
                _open(inspector, item, channels, chosen)
                end_of_card(item)


def _mean_relevance(inspector: Inspector, channels: Channels, options: Options) -> "Figure":
    """All channels of this image below their means over the ID and the OOD bank, as the paper's figure 3 has them."""
    named = [int(place) for place in charts.channel_order(channels, "contribution")[: options.concepts]]
    return mean_relevance_figure(channels, resources.explorer(inspector).mean_relevance(), named)


def _choices(names: tuple[str, ...], nearest: int, size: int) -> tuple[list[int], int | None]:
    """Classes to compare with, and the channel to open; a click on the plot sets the latter too."""
    offered = [name for name in names if name != names[nearest]]
    offers = {
        state.screen.CLASSES: choices("class to compare with", offered),
        state.site.CHANNEL: numbers("channel", 0, size - 1),
    }
    with link_values(offers), st.container(horizontal=True, vertical_alignment="bottom"):
        others = st.multiselect(
            "Compare with",
            offered,
            key=state.screen.CLASSES,
            bind="query-params",
            placeholder="another class",
            width=230,
        )
        chosen = st.number_input(
            f"Open channel, 0 to {size - 1}",
            min_value=0,
            max_value=size - 1,
            value=None,
            step=1,
            key=state.site.CHANNEL,
            bind="query-params",
            placeholder="number",
            width=170,
        )
    return [names.index(name) for name in others], None if chosen is None else int(chosen)


def _plot(
    channels: Channels,
    names: tuple[str, ...],
    options: Options,
    sort: charts.Sort,
    is_all: bool,
    others: list[int],
    chosen: int | None,
) -> None:
    size = len(channels.relevance)
    named = [int(place) for place in charts.channel_order(channels, "contribution")[: options.concepts]]
    theme = theme_of(st.context.theme.type)
    st.plotly_chart(
        charts.channel_plot(channels, names, theme, sort, others, named, chosen, None if is_all else charts.TOP),
        key=state.screen.CHANNEL_PLOT,
        on_select=state.screen.open_channel,
        selection_mode="points",
        config=charts.toolbar("channels", options.download),
        alt=f"Relevance of {size} channels in this image against class centroids; largest contributions: "
        + ", ".join(str(channel) for channel in named),
    )
    st.caption(
        "Bars: this image. Marks: class means. Where a bar leaves its grey mark, the channel adds to NERO's distance; "
        f"the contributions of all {size} add up to it: {words.number(float(channels.contribution.sum()))}. "
        "Click a bar to open it."
    )


def _open(inspector: Inspector, item: Source, channels: Channels, channel: int) -> None:
    st.markdown(words.plain(words.channel(channels, channel, inspector.bundle.card.class_names)))
    if inspector.composites:
        with st.spinner(f"Tracing channel {channel} back to the pixels …"):
            why = resources.concepts(inspector, item, 1, "contribution", (channel,))
        concept_tiles(inspector, item, why, is_single=True)
        save_concepts(inspector, item, why, f"channel {channel}", "open_channel")
    else:
        st.caption(words.plain(inspector.no_heatmap_because))
    st.page_link(
        "pages/explorer/page.py",
        label="Open in the neuron explorer",
        icon=":material/hub:",
        query_params=state.explorer.to_channel(channel),
    )
