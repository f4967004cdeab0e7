"""The last two steps: NERO's verdict, and the verdict that other pages lead with."""

from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import origin
from dashboard.components.link_values import choices, link_values
from dashboard.components.verdict import headline
from dashboard.options import tpr_choices
from dashboard.pages.learn.lesson_plot import lesson_theme, plotted
from dashboard.resources import Source
from nero_core import VERDICT, Inspector
from nero_core.figures import bar_figure, histogram_figure, score_domain
from nero_core.types import Detection, WhatIf

DEPTHS = "nero_deep"
UNIT = "standard deviations above the mean of the reference images"


def verdict_step(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    """NERO's score against a threshold that lets more or fewer pass."""
    bundle = inspector.bundle
    options = tpr_choices(bundle.card.tpr, bundle.calibration_size)
    tpr = bundle.card.tpr
    if len(options) > 1:
        with link_values(
            {
                state.learn.LESSON_TPR: choices(
                    "share of images that should pass", {state.site.percents(share): share for share in options}
                )
            }
        ):
            tpr = st.select_slider(
                "Share of reference images that should pass (%)",
                options,
                bundle.card.tpr,
                format_func=lambda share: f"{round(100 * share, 6):g}",
                key=state.learn.LESSON_TPR,
                bind="query-params",
            )
    changed = resources.what_if(inspector, item, replace(usual.settings, tpr=tpr))
    distance, bias, scale = (float(changed.detection.terms[name][0]) for name in ("distance", "bias", "scale"))
    st.latex(
        rf"S = (d + \lambda |r_\beta|)\,\rho \allowbreak {{{{}} = ({words.tex(distance)} + {words.tex(bias)}) "
        rf"\cdot {words.tex(scale)} = {words.tex(changed.score)}}}"
    )
    st.html(headline(changed.detection, 0))
    domain = score_domain(changed.reference, changed.score)
    st.html(marks.score_scale(changed.score, changed.threshold, domain))
    st.markdown(words.plain(words.p_value(changed.p_value, changed.detection.calibration_size)))
    if bundle.card.synthetic:
        st.caption(words.SYNTHETIC)
    figure = charts.score_histogram(changed.reference, changed.score, lesson_theme())
    make = partial(histogram_figure, changed.reference, changed.score)
    says = "Let more pass, and the threshold moves right: fewer false alarms, more OOD images let through."
    plotted(plot, origin(inspector, item), figure, "scores", "Scores of the reference images", says, make)


def depths_step(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    """The other test of the verdict: the distance at every stage of the network."""
    tpr = inspector.bundle.card.tpr
    answer = resources.answer(inspector, item, DEPTHS, tpr)
    if isinstance(answer, str):
        st.info(words.plain(answer))
        return
    parts = {name: float(values[0]) for name, values in answer.stage_parts.items()}
    names = [words.stage_name(name) for name in parts]
    with link_values({state.learn.LESSON_STAGE: choices("stage", names)}):
        most = max(range(len(names)), key=list(parts.values()).__getitem__)
        chosen = st.selectbox("Stage", names, most, key=state.learn.LESSON_STAGE, bind="query-params")
    place = names.index(chosen)
    z = list(parts.values())[place]
    st.latex(
        r"z_s = \frac{\ln d_s - m_s}{\sigma_s}"
        rf" = {words.tex(z)} \qquad\allowbreak {{S = \textstyle\sum_s z_s = {words.tex(float(answer.score[0]))}}}"
    )
    st.markdown(
        f"At {words.plain(chosen)} this image lies {words.number(abs(z), 2)} standard deviations "
        f"{'above' if z >= 0 else 'below'} the usual distance of reference images (ln d, mean m, deviation σ)."
    )
    _both(inspector, item, answer, tpr)
    texts = [words.number(value, 2) for value in parts.values()]
    figure = charts.class_bars(list(parts.values()), names, lesson_theme(), UNIT, place, texts)
    make = partial(bar_figure, names, list(parts.values()), UNIT, texts, (place,))
    says = "The first stages see colours and edges, the last ones what the classes need. A finding may show at any."
    plotted(plot, origin(inspector, item), figure, "depths", "What each stage adds to the score", says, make)


def _both(inspector: Inspector, item: Source, answer: Detection, tpr: float) -> None:
    """What the two tests say together; where the reference set has no verdict by both, the one and the reason."""
    reason = inspector.no_verdict_because(tpr)
    if reason:
        st.markdown(words.plain(words.p_value(float(answer.p_value[0]), answer.calibration_size)))
        st.caption(words.plain(reason))
        return
    joint = resources.detection(inspector, item, VERDICT, tpr)
    unlike = resources.share_unlike(inspector, item, joint)
    st.html(headline(joint, 0, inspector.bundle.card.synthetic, unlike))
    st.html(marks.facts([(name, says, False) for name, says in words.two_tests(joint, 0)]))
