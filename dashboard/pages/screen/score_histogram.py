"""Where this image's score lies among the reference scores."""

from math import isfinite

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import figure_download, origin
from dashboard.components.image_cards import end_of_card
from dashboard.components.link_values import link_values, switch
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import VERDICT, Inspector
from nero_core.figures import class_scores_figure, histogram_figure
from nero_core.types import TESTS, Detection, ReferenceScores


def score_histogram_card(inspector: Inspector, item: Source, detection: Detection, download: str) -> None:
    """The histogram, by class on request, with its table; of either test where the verdict has two."""
    with st.container(border=True, height="stretch", key="histogram_card"):
        _histogram(inspector, item, detection, download)
        end_of_card(item)


@st.fragment
def _histogram(inspector: Inspector, item: Source, detection: Detection, download: str) -> None:
    card, theme = inspector.bundle.card, theme_of(st.context.theme.type)
    names = (card.class_names, card.ood_class_names)
    with plain_errors():
        offers = {state.compare.BY_CLASS: switch("switch to scores by class")}
        with (
            link_values(offers),
            st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"),
        ):
            st.subheader("Scores", anchor=False)
            by_class = st.toggle("By class", key=state.compare.BY_CLASS, bind="query-params")
        reference, score = _test(inspector, item, detection)
        figure = (
            charts.scores_by_class(reference, score, theme, *names)
            if by_class
            else charts.score_histogram(reference, score, theme)
        )
        st.plotly_chart(
            figure,
            key="histogram",
            config=charts.toolbar(f"{reference.detector}-scores", download),
            alt=f"Scores of the reference images; {_limit(reference.threshold)}, this image {words.number(score)}",
        )
        how = (
            "Each row is a class, each dot an image, each box the middle half; further right is more unusual."
            if by_class
            else "How many images of each group have which score; further right is more unlike the reference images."
        )
        only = _only(detection)
        whose = "" if only is None else f" Only images that the classifier calls {words.plain(card.class_names[only])}."
        st.caption(f"Scores by {words.plain(words.method(reference.detector))}. {how}{whose}")
        with st.container(horizontal=True):
            with st.popover("Data table", icon=":material/table:", type="tertiary"):
                st.dataframe(
                    charts.score_table(reference, *names), hide_index=True, alt="Scores of the reference images"
                )
            figure_download(
                f"{reference.detector} scores{' by class' if by_class else ''}",
                (lambda: class_scores_figure(reference, score, *names))
                if by_class
                else (lambda: histogram_figure(reference, score)),
                "histogram",
                footer=origin(inspector, item),
            )


def _test(inspector: Inspector, item: Source, detection: Detection) -> tuple[ReferenceScores, float]:
    """Scores of the method, or of that test of the verdict which is chosen; the one that decides unless told."""
    method = detection.detector
    if method == VERDICT:
        decides = words.deciding(detection, 0)
        chosen = st.segmented_control(
            "Scores of",
            list(TESTS),
            default=decides,
            required=True,
            format_func=words.method,
            key=f"histogram_test_{item.id}_{decides}",
            label_visibility="collapsed",
        )
        method = chosen or decides
    answer = detection if method == detection.detector else resources.detection(inspector, item, method, detection.tpr)
    return inspector.reference_scores(method, detection.tpr, _only(detection)), float(answer.score[0])


def _only(detection: Detection) -> int | None:
    """The class whose images alone are drawn; all of them where it has none."""
    is_alone = detection.by_class is not None and detection.limits(0).calibration_size > 0
    return int(detection.predicted[0]) if is_alone else None


def _limit(threshold: float) -> str:
    return f"threshold {words.number(threshold)}" if isfinite(threshold) else "no threshold"
