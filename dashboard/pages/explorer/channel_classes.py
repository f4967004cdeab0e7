"""How the ID classes and the OOD images use one channel, and for which classes it speaks."""

from functools import partial

import streamlit as st

from dashboard import charts, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin
from dashboard.pages.explorer import channel_figures
from dashboard.pages.explorer.channel_view import ChannelView
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.figures import channel_classes_figure, relevance_domain


def channel_classes(inspector: Inspector, item: Source | None, views: list[ChannelView]) -> None:
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
