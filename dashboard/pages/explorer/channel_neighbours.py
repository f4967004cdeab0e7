"""Channels that are used together with one, and channels of the stage before that feed it."""

from functools import partial

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.figure_download import figure_download, origin
from dashboard.pages.explorer import channel_figures, channel_pictures
from dashboard.pages.explorer.channel_view import ChannelView, cancels, named
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector

TOGETHER = 6  # links to co-used channels: one line of buttons


def channel_neighbours(inspector: Inspector, item: Source | None, views: list[ChannelView]) -> None:
    """Channels used together with it, and channels of the stage before that feed it."""
    with st.container(border=True, key="channel_neighbours"), plain_errors():
        together_side, upstream_side = (st.container() for _ in range(2))
        with together_side:
            st.subheader("Channels used together with it", anchor=False)
            for view in views:
                if not view.summary.co_used:
                    st.caption(
                        f"Channel {view.channel} is equally relevant in all reference images: no other goes with it."
                    )
                    continue
                with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
                    if len(views) > 1:
                        st.markdown(f"**{view.channel}**", width="content")
                    for other, correlation in view.summary.co_used[:TOGETHER]:
                        st.button(
                            f"{other} · r {words.number(correlation, 2)}",
                            key=f"together_{view.channel}_{other}",
                            help=f"Open channel {other}",
                            on_click=state.explorer.show_channel,
                            args=(other,),
                        )
            st.caption(
                "Correlation r of the relevance over the reference images, strongest first: near 1 both are used in "
                "the same images, near −1 one where the other is not. A button opens that channel."
            )
            with st.container(horizontal=True):
                for view in views:
                    if view.summary.co_used:
                        figure_download(
                            f"channels used together with {view.channel}",
                            partial(channel_figures.co_used_figure, view.summary, TOGETHER),
                            f"together_{view.channel}",
                            "Save figure" if len(views) == 1 else f"Save figure of {view.channel}",
                        )
        with_upstream = [view for view in views if view.depth is not None and view.depth.upstream.channels]
        with upstream_side:
            st.subheader("One layer down", anchor=False)
            if not with_upstream:
                for why in dict.fromkeys(_no_upstream(inspector, item, view) for view in views):
                    st.caption(words.plain(why))
                return
            depths = [view.depth for view in with_upstream if view.depth is not None]
            shared, of_each = channel_pictures.upstream_limits(depths)
            limits_of = dict(zip((depth.concept.channel for depth in depths), of_each, strict=True))
            for view in views:
                if len(views) > 1:
                    st.markdown(f"**Channel {view.channel}**")
                if view.depth is None or not view.depth.upstream.channels or item is None:
                    st.caption(words.plain(_no_upstream(inspector, item, view)))
                    continue
                limits = limits_of[view.channel]
                st.html(channel_pictures.upstream_panels(resources.key(inspector), item, view.depth, limits, shared))
            st.html(channel_pictures.legend(shared))
            st.caption(
                f"The channels of {words.plain(depths[0].upstream.stage)}, the stage before, "
                "that pass on most of the channel's relevance in this image, and where each lies. Their numbers count "
                "that stage's own channels." + cancels(*(depth.upstream for depth in depths))
            )
            if item is not None:
                make = partial(channel_figures.upstream_figure, item, depths)
                figure_download(
                    f"channels that feed {named(views)}", make, "channel_feeding", footer=origin(inspector, item)
                )


def _no_upstream(inspector: Inspector, item: Source | None, view: ChannelView) -> str:
    """Why nothing is shown of the stage before."""
    depends = "which channels of the stage before pass relevance on to it depends on the image."
    if item is None:
        return f"Choose an image that uses the channel: {depends}"
    reason = inspector.no_heatmap_because or view.problem
    return reason or f"This image does not use channel {view.channel}: {depends}"
