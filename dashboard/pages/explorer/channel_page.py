"""The page of one channel, or of two beside one another on the same scales."""

from functools import partial

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.figure_download import figure_download, origin
from dashboard.pages.explorer import channel_figures, channel_pictures
from dashboard.pages.explorer.channel_classes import channel_classes
from dashboard.pages.explorer.channel_field import channel_field
from dashboard.pages.explorer.channel_neighbours import channel_neighbours
from dashboard.pages.explorer.channel_view import ChannelView, cancels, channel_view, named
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.figures import own_limit


def channel_page(inspector: Inspector, item: Source | None, channel: int) -> None:
    """Everything about one channel; a second one beside it where it is asked for."""
    other = _header(inspector, channel)
    shown = [channel] if other is None or other == channel else [channel, other]
    if other == channel:
        st.info(f"Channel {channel} cannot be compared with itself. Choose another number.")
    with plain_errors():
        _in_words(inspector, shown)
        with st.spinner(_waiting(inspector, shown, item)):
            views = [channel_view(inspector, item, number) for number in shown]
        if item is not None:
            _in_image(inspector, item, views)
        _references(inspector, views)
        channel_classes(inspector, item, views)
        channel_neighbours(inspector, item, views)


def _header(inspector: Inspector, channel: int) -> int | None:
    size = inspector.bundle.classifier.head.neurons
    with st.container(horizontal=True, vertical_alignment="bottom", key="channel_header"):
        st.button("All channels", icon=":material/grid_view:", on_click=state.explorer.show_channel, args=(None,))
        for text, icon, to in (
            ("Previous", "chevron_left", (channel - 1) % size),
            ("Next", "chevron_right", (channel + 1) % size),
        ):
            name = f"{text.lower()}_channel"
            st.button(text, icon=f":material/{icon}:", key=name, on_click=state.explorer.show_channel, args=(to,))
        other = channel_field(inspector, "Compare with channel", state.explorer.OTHER_CHANNEL)
        with st.popover("Link", icon=":material/link:"):
            beside = {} if other is None else {state.explorer.OTHER_CHANNEL: str(other)}
            st.code(state.site.link({state.site.CHANNEL: str(channel)} | beside), language=None, wrap_lines=True)
            st.caption(
                "This link opens this view for anyone who has the same reference set. It holds no uploaded image."
            )
    return other


def _in_words(inspector: Inspector, shown: list[int]) -> None:
    statistics, card = resources.explorer(inspector).statistics(), inspector.bundle.card
    for place, channel in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with place:
            st.subheader(f"Channel {channel}", anchor=False)
            best = int(statistics.best_class[channel])
            st.markdown(
                words.plain(
                    words.channel_in_set(
                        card.class_names[best],
                        float(statistics.mean_relevance[best, channel]),
                        float(statistics.selectivity[channel]),
                        float(statistics.ood_auroc[channel]),
                        inspector.bundle.ood is not None,
                    )
                )
            )


def _waiting(inspector: Inspector, shown: list[int], item: Source | None) -> str:
    which = " and ".join(str(channel) for channel in shown)
    if inspector.composites and not resources.explorer(inspector).has_stored_references:
        return f"Tracing channel {which} in its reference images: this reference set keeps no heatmaps of them …"
    return f"Tracing channel {which} back to the pixels …" if item is not None else f"Gathering channel {which} …"


def _in_image(inspector: Inspector, item: Source, views: list[ChannelView]) -> None:
    """Where the channels lie in the image at hand."""
    with st.container(border=True, key="channel_in_image"), plain_errors():
        st.subheader(f"In {words.plain(item.name)}", anchor=False)
        channels = resources.channels(inspector, item)  # raises what is wrong with the image
        if not bool(channels.relevance.any()):
            st.info(words.ALL_ZERO)
            return
        names = inspector.bundle.card.class_names
        depths = [view.depth for view in views if view.depth is not None and view.here]
        shared, limits = channel_pictures.limits_of(depths)
        limit_of = dict(zip((depth.concept.channel for depth in depths), limits, strict=True))
        for place, view in zip(st.columns(len(views), gap="medium"), views, strict=True):
            with place:
                st.markdown(words.plain(words.channel(channels, view.channel, names)))
                if not view.here:
                    st.info(f"This image does not use channel {view.channel}: there is nothing to show.")
                elif view.depth is not None:
                    concept, limit = view.depth.concept, limit_of[view.channel]
                    st.html(channel_pictures.in_image(resources.key(inspector), item, view.depth, limit))
                    share, cancels = concept.conservation, concept.cancellation
                    st.caption(
                        words.conservation(
                            share, cancellation=cancels, own=own_limit(limit, shared), explained="relevance"
                        )
                    )
                elif view.problem and not inspector.no_heatmap_because:  # one sentence for all channels stands below
                    st.error(words.plain(view.problem), icon=":material/error:")
        if depths:
            st.html(channel_pictures.legend(shared))
            st.caption(
                "First where the channel lies in the image; green adds to its relevance, purple takes away. Then the "
                "part of the image where it exceeds half of its strongest relevance."
            )
            make = partial(channel_figures.in_image_figure, item, channels, depths, names)
            figure_download(f"{named(views)} in the image", make, "channel_in_image", footer=origin(inspector, item))
        elif inspector.no_heatmap_because:
            st.info(words.plain(inspector.no_heatmap_because))


def _references(inspector: Inspector, views: list[ChannelView]) -> None:
    with st.container(border=True, key="channel_references"), plain_errors():
        st.subheader("Reference images", anchor=False)
        for place, view in zip(st.columns(len(views), gap="medium"), views, strict=True):
            with place:
                if len(views) > 1:
                    st.markdown(f"**Channel {view.channel}**")
                for references, title in (
                    (view.summary.by_relevance, "By relevance (RelMax): images whose prediction uses it most"),
                    (view.summary.by_activation, "By activation (ActMax): images that excite it most"),
                ):
                    st.markdown(title)
                    if not references.ids:
                        st.caption("No reference image has a value above 0 here.")
                        continue
                    st.html(channel_pictures.references(inspector, references))
        first = views[0].summary.by_relevance
        if first.heatmaps is None:
            st.caption("No conditional heatmaps: " + words.plain(inspector.no_heatmap_because))
        else:
            st.caption(
                "Above each picture the whole image, below where the channel lies in it; each with its own colour "
                "limit."
                + (
                    " This reference set keeps no heatmaps of its images, so they were traced on its small pictures: "
                    "the place is rough, the numbers are exact."
                    if first.from_thumbnails
                    else ""
                )
                + cancels(
                    *(
                        references
                        for summary in views
                        for references in (summary.summary.by_relevance, summary.summary.by_activation)
                    )
                )
            )
        summaries = [view.summary for view in views]
        if any(references.ids for summary in summaries for references in (summary.by_relevance, summary.by_activation)):
            make = partial(channel_figures.references_figure, inspector, summaries)
            figure_download(f"{named(views)} reference images", make, "channel_references")
