"""Whether a heatmap can be believed: where its relevance goes, and whether the classifier hangs on what it shows."""

import math

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download
from dashboard.components.sidebar import Options
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import COMPOSITES, Inspector, faithfulness_figure
from nero_core.types import BlockConservation, Explanation


def composite_choice(inspector: Inspector) -> str:
    """The composite that the maps are made with; the URL names it."""
    names = inspector.composites
    unsuited = state.offer_composites(names)
    if len(names) == 1:
        chosen = names[0]
        st.markdown(f"Composite: {COMPOSITES[chosen].title}", width="content")
    else:
        chosen = _select_composite(names)
    if unsuited is not None:
        st.warning(words.composite_missing(unsuited, COMPOSITES[chosen].title))
    return chosen


def _select_composite(names: tuple[str, ...]) -> str:
    chosen = st.selectbox(
        "Composite",
        names,
        key=state.COMPOSITE,
        format_func=lambda name: COMPOSITES[name].title,
        on_change=state.composite_chosen,
        args=(names[0],),
        help="Which rule each layer hands relevance on by.",
        width=190,
    )
    return str(chosen)


def where_relevance_goes(inspector: Inspector, item: Source, why: Explanation) -> None:
    """How much of the relevance each block hands on; traced when somebody opens it."""
    opened = st.popover(
        "Where relevance goes",
        icon=":material/water_drop:",
        type="tertiary",
        key=state.RELEVANCE_WAY,
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        with st.spinner("Tracing relevance from block to block …"):
            blocks = resources.blocks(inspector, item, why.composite)
        start = _start(blocks)
        if start:
            rows = [
                (block.name, block.relevance / start, f"{block.relevance / start:.2f}", block.name == "pixels")
                for block in blocks
            ]
            st.html(marks.bars(rows, css="nero-pair"))
        st.caption(
            f"Relevance at the output of each block, from the last one down to the pixels, over what it started from. "
            f"{words.lost(blocks)}"
        )


def how_faithful(inspector: Inspector, item: Source, why: Explanation, options: Options) -> None:
    """Curves on demand: it takes some 180 forward passes."""
    if not st.toggle("How faithful?", key=state.FAITHFULNESS, help="Blurs the image patch by patch and looks again."):
        return
    place = st.empty()
    with place:
        bar = st.progress(0.0, text="Blurring and restoring the image patch by patch …")

    def on_progress(done: int, total: int) -> None:
        bar.progress(done / total, text=_far(done, total))

    figures = resources.faithfulness(inspector, item, why.composite, on_progress)
    place.empty()
    class_name = inspector.bundle.card.class_names[figures.explained_class]
    st.markdown(words.plain(words.faithfulness(figures, class_name)))
    st.plotly_chart(
        charts.faithfulness_plot(figures, theme_of(st.context.theme.type)),
        key="faithfulness_plot",
        config=charts.toolbar("faithfulness", options.download),
        alt=f"Probability of {class_name} while patches are blurred and restored, by heatmap, gradient and chance; "
        f"the heatmap gains {words.number(figures.gain, 2)}",
    )
    st.caption(
        f"Probability of {words.plain(class_name)} as patches go, the most relevant first. A faithful map falls early "
        "on the left and rises early on the right; the gain is the area between the two, beyond that of chance."
    )
    with st.container(horizontal=True):
        with st.popover("Data table", icon=":material/table:", type="tertiary"):
            st.dataframe(charts.faithfulness_table(figures), hide_index=True, alt="Points of the curves")
        figure_download("faithfulness", lambda: faithfulness_figure(figures, class_name), "faithfulness")


def _far(done: int, total: int) -> str:
    return f"Blurring and restoring the image patch by patch: {done} of {total} …"


def _start(blocks: tuple[BlockConservation, ...]) -> float:
    """What relevance started from; 0 where nothing did."""
    first = next((block for block in blocks if math.isfinite(block.ratio) and block.ratio), None)
    return 0.0 if first is None else (first.relevance + first.absorbed) / first.ratio
