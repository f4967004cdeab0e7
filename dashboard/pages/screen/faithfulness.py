"""Whether a heatmap can be believed: where its relevance goes, and whether the classifier hangs on what it shows."""

import math
from functools import partial

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, figure_forms, origin
from dashboard.components.link_values import link_values, switch
from dashboard.components.samples import is_sample
from dashboard.components.task_progress import FOR_ALL, WHILE_HERE, task_progress
from dashboard.options import Options
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import COMPOSITES, Inspector
from nero_core.figures import bar_figure, faithfulness_figure
from nero_core.types import BlockConservation, Explanation, Faithfulness


def composite_choice(inspector: Inspector, names: tuple[str, ...]) -> str:
    """The composite that the map is made with, of those that can make it; the URL names it."""
    unsuited = state.screen.offer_composites(names)
    if len(names) == 1:
        chosen = names[0]
        st.markdown(f"Composite: {COMPOSITES[chosen].title}", width="content")
    else:
        chosen = _select_composite(names)
    if unsuited is not None and unsuited not in inspector.composites:  # which may be the other map's
        st.warning(words.composite_missing(unsuited, COMPOSITES[chosen].title))
    return chosen


def _select_composite(names: tuple[str, ...]) -> str:
    chosen = st.selectbox(
        "Composite",
        names,
        key=state.screen.COMPOSITE,
        format_func=lambda name: COMPOSITES[name].title,
        on_change=state.screen.composite_chosen,
        args=(names[0],),
        help="How the map is made: by a rule with which each layer passes relevance on, or from gradients.",
        width=190,
    )
    return str(chosen)


def where_relevance_goes(inspector: Inspector, item: Source, why: Explanation) -> None:
    """How much of the relevance each block passes on; traced when somebody opens it."""
    opened = st.popover(
        "Where relevance goes",
        icon=":material/water_drop:",
        type="tertiary",
        key=state.screen.RELEVANCE_WAY,
        on_change="rerun",
    )
    if not opened.open:
        return
    with opened:
        with st.spinner("Tracing relevance from block to block …"):
            blocks = resources.blocks(inspector, item, why.composite)
        initial_relevance = _initial_relevance(blocks)
        if initial_relevance:
            rows = [
                (
                    block.name,
                    block.relevance / initial_relevance,
                    f"{block.relevance / initial_relevance:.2f}",
                    block.name == "pixels",
                )
                for block in blocks
            ]
            st.html(marks.bars(rows, css="nero-pair"))
        st.caption(
            f"Relevance at the output of each block, from the last one down to the pixels, over what it started from. "
            f"{words.lost(blocks)}"
        )
        if initial_relevance:
            explained = inspector.bundle.card.class_names[why.explained_class]
            title = f"Where the relevance of {explained} goes ({COMPOSITES[why.composite].title})"
            make = partial(
                bar_figure,
                [name for name, *_ in rows],
                [ratio for _, ratio, *_ in rows],
                "relevance at the output of each block over its start",
                [told for _, _, told, _ in rows],
                (len(rows) - 1,),
                title,
                words.lost(blocks),
            )
            figure_forms("where relevance goes", make, "relevance_blocks", origin(inspector, item))


def how_faithful(inspector: Inspector, item: Source, why: Explanation, options: Options) -> None:
    """Curves on demand: they take some 370 forward passes, beside the page."""
    with link_values({state.screen.FAITHFULNESS: switch("switch of faithfulness")}):
        is_asked = st.toggle(
            "How faithful?",
            key=state.screen.FAITHFULNESS,
            bind="query-params",
            help="Blurs the image patch by patch and looks again.",
        )
    map_key = f"{item.id} {why.composite}"
    was_stopped = state.screen.faithfulness_stopped(map_key)
    if not is_asked:
        if was_stopped:
            st.caption("It was stopped before it was finished. Switch it on to begin again.")
        return
    with plain_errors():  # a heatmap that cannot be measured leaves the rest of the page standing
        task = task_progress(
            "faithfulness",
            "Blurring and restoring the image patch by patch",
            lambda instead_of: resources.faithfulness(inspector, item, why.composite, instead_of),
            partial(state.screen.stop_faithfulness, map_key),
            lasts=FOR_ALL if is_sample(item) else WHILE_HERE,
        )
        if task is not None:
            _curves(inspector, item, task.result(), options)


def _curves(inspector: Inspector, item: Source, figures: Faithfulness, options: Options) -> None:
    class_name = inspector.bundle.card.class_names[figures.explained_class]
    st.markdown(words.plain(words.faithfulness(figures, class_name)))
    st.markdown(words.plain(words.faithfulness_otherwise(figures)))
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
        make = partial(faithfulness_figure, figures, class_name)
        figure_download("faithfulness", make, "faithfulness", footer=origin(inspector, item))


def _initial_relevance(blocks: tuple[BlockConservation, ...]) -> float:
    """The initial relevance; 0 where there is none."""
    first = next((block for block in blocks if math.isfinite(block.ratio) and block.ratio), None)
    return 0.0 if first is None else (first.relevance + first.absorbed) / first.ratio
