"""The page of one channel, or of two beside one another on the same scales."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin
from dashboard.pages.explorer import channel_figures, channel_pictures
from dashboard.pages.explorer.channel_field import channel_field
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.errors import NeroError
from nero_core.figures import MUCH_CANCELLATION, SIGNS_CANCEL, channel_classes_figure, own_limit, relevance_domain
from nero_core.types import ChannelReferences, ChannelSummary, ConceptDepth, UpstreamChannels

TOGETHER = 6  # links to co-used channels: one line of buttons


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What is known of one channel.

    Attributes:
        channel: its number.
        summary: the channel in the fit bank.
        depth: the channel in the image at hand; None without an image or without an honest heatmap.
        here: relevance in the image at hand, where there is one.
        problem: why there is no depth, in a sentence; empty where there is one, or no image.
    """

    channel: int
    summary: ChannelSummary
    depth: ConceptDepth | None
    here: float | None
    problem: str = ""


def channel_page(inspector: Inspector, item: Source | None, channel: int) -> None:
    """Everything about one channel; a second one beside it where it is asked for."""
    other = _header(inspector, channel)
    shown = [channel] if other is None or other == channel else [channel, other]
    if other == channel:
        st.info(f"Channel {channel} cannot be compared with itself. Choose another number.")
    with plain_errors():
        _in_words(inspector, shown)
        with st.spinner(_waiting(inspector, shown, item)):
            views = [_view(inspector, item, number) for number in shown]
        if item is not None:
            _in_image(inspector, item, views)
        _references(inspector, views)
        _classes(inspector, item, views)
        _neighbours(inspector, item, views)


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


def _view(inspector: Inspector, item: Source | None, channel: int) -> ChannelView:
    summary = resources.channel_summary(inspector, channel)
    depth = here = None
    problem = ""
    if item is not None:
        try:
            here = float(resources.channels(inspector, item).relevance[channel])
            depth = resources.concept(inspector, item, channel)
        except NeroError as error:  # the rest of the page stands; said where the channel would be shown
            problem = str(error)
    return ChannelView(channel, summary, depth, here, problem)


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
            figure_download(f"{_named(views)} in the image", make, "channel_in_image", footer=origin(inspector, item))
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
                + _cancels(
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
            figure_download(f"{_named(views)} reference images", make, "channel_references")


def _classes(inspector: Inspector, item: Source | None, views: list[ChannelView]) -> None:
    """How ID classes use the channels, and for which they speak."""
    card, theme = inspector.bundle.card, theme_of(st.context.theme.type)
    names, ood = card.class_names, card.ood_class_names
    marked = [view.here for view in views if view.here is not None]
    domain = relevance_domain([view.summary for view in views], marked)
    largest = max(float(view.summary.weights.abs().max()) for view in views)
    with st.container(border=True, key="channel_classes"):
        st.subheader("How much each class uses this channel", anchor=False)
        for place, view in zip(st.columns(len(views), gap="medium"), views, strict=True):
            with place:
                if len(views) > 1:
                    st.markdown(f"**Channel {view.channel}**")
                st.plotly_chart(
                    charts.relevance_by_class(view.summary, names, theme, domain, view.here, ood),
                    key=f"distribution_{view.channel}",
                    config=charts.toolbar(f"channel-{view.channel}-by-class"),
                    alt=f"Relevance of channel {view.channel} in the reference images of each class, and in OOD images",
                )
                st.markdown("Head weights: for which classes the channel speaks when it is active")
                rows = zip(names, view.summary.weights.tolist(), strict=True)
                st.html(
                    marks.bars(
                        [(name, weight, words.weight(weight), weight < 0) for name, weight in rows], largest=largest
                    )
                )
                with st.container(horizontal=True):
                    with st.popover("Data table", icon=":material/table:", type="tertiary"):
                        st.dataframe(
                            charts.class_relevance_table(view.summary, names, ood),
                            hide_index=True,
                            alt="Relevance by class",
                        )
                    name = f"channel {view.channel} by class"
                    figure_download(
                        name,
                        partial(channel_classes_figure, view.summary, names, view.here, domain, ood),
                        f"channel_{view.channel}_by_class",
                        footer=None if item is None or view.here is None else origin(inspector, item),
                    )
                    figure_download(
                        f"channel {view.channel} head weights",
                        partial(channel_figures.weights_figure, view.summary, names),
                        f"channel_{view.channel}_weights",
                        "Save head weights",
                    )
        st.caption(
            "Dots: images, of the reference set or OOD; box: the middle half of a class; line: its median. A number at "
            "an edge counts images beyond it. Full bars of the head weights speak for a class, grey ones against it."
        )


def _neighbours(inspector: Inspector, item: Source | None, views: list[ChannelView]) -> None:
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
                "that stage's own channels." + _cancels(*(depth.upstream for depth in depths))
            )
            if item is not None:
                make = partial(channel_figures.upstream_figure, item, depths)
                figure_download(
                    f"channels that feed {_named(views)}", make, "channel_feeding", footer=origin(inspector, item)
                )


def _cancels(*shown: ChannelReferences | UpstreamChannels) -> str:
    """What the pictures mean by signs that cancel, where one of them says so."""
    return (
        f" {SIGNS_CANCEL}."
        if any(cancellation > MUCH_CANCELLATION for maps in shown for cancellation in maps.cancellation)
        else ""
    )


def _named(views: list[ChannelView]) -> str:
    """``channel 5``, ``channel 5 and 6``: for the name of a file."""
    return f"channel {' and '.join(str(view.channel) for view in views)}"


def _no_upstream(inspector: Inspector, item: Source | None, view: ChannelView) -> str:
    """Why nothing is shown of the stage before."""
    depends = "which channels of the stage before pass relevance on to it depends on the image."
    if item is None:
        return f"Choose an image that uses the channel: {depends}"
    reason = inspector.no_heatmap_because or view.problem
    return reason or f"This image does not use channel {view.channel}: {depends}"
