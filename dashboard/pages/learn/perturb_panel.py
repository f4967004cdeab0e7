"""Perturb and watch: sliders on the image, and what score, channels and heatmap make of it."""

import time
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin
from dashboard.components.verdict import headline
from dashboard.pages.learn.experiments import experiments, lesson_of
from dashboard.pages.learn.lesson import picked
from dashboard.pages.learn.perturb_sliders import controls, undo_and_reset
from dashboard.pages.learn.perturbed_figure import perturbed_figure
from dashboard.plain_errors import plain_errors
from dashboard.resources import Perturbed, Source
from dashboard.theme import VERDICT_COLOUR, theme_of
from nero_core import Inspector
from nero_core.figures import channel_figure, data_uri, heat_limit, overlay, score_domain, smooth
from nero_core.phantom import Perturbation

RESTS = 0.4  # seconds without a movement before a heatmap is begun


def perturb_page(inspector: Inspector, tpr: float) -> None:
    """The chosen image as it is and as it is perturbed, side by side."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="perturb_image"):
        item = picked(inspector)
        if item is not None:
            st.caption(words.plain(item.name), width="content")
    if item is not None:
        _panel(inspector, item, tpr)


@st.fragment
def _panel(inspector: Inspector, item: Source, tpr: float) -> None:
    """On a wide screen what comes of it stands still beside the sliders; on a narrow one a line of it does."""
    with plain_errors():
        line = st.container(key="perturb_line")
        prepared = st.container(horizontal=True, vertical_alignment="center", gap="small", key="experiments")
        result_side, slider_side = st.columns([7, 5], gap="small")
        pictures = result_side.container(border=True, key="perturb_pictures")
        with slider_side.container(border=True, key="perturb_sliders"):
            buttons = st.container(horizontal=True, key="perturb_buttons")
            perturbation = controls(inspector.bundle.classifier.mean)
            with buttons:  # after the sliders have said what can be taken back
                undo_and_reset()
        with prepared:
            experiments()
        channels = st.container(border=True, key="perturb_channels")
        original = resources.perturbed(inspector, item, Perturbation(), tpr)
        shown = resources.perturbed(inspector, item, perturbation, tpr)
        line.html(_line(shown))
        with pictures:
            place, says, wants_heatmap = _watch(inspector, item, original, shown, perturbation)
            is_empty = not bool(shown.channels.relevance.any())
            traced = wants_heatmap and not is_empty
            make = partial(perturbed_figure, inspector, item, perturbation, original, shown, traced)
            figure_download("perturbed image", make, "perturbed_image", footer=origin(inspector, item))
        with channels:
            if is_empty:
                st.warning(words.ALL_ZERO)
            else:
                _channels(inspector, item, shown)
        if wants_heatmap and not is_empty:
            _heatmap(inspector, item, perturbation, shown, place, says)


def _watch(
    inspector: Inspector, item: Source, original: Perturbed, shown: Perturbed, perturbation: Perturbation
) -> tuple[DeltaGenerator, DeltaGenerator, bool]:
    """Score and pictures; the places of the heatmap and of what is said of it, and whether it is wanted."""
    after = shown.detection
    score, reference = float(after.score[0]), inspector.reference_scores("nero", after.tpr)
    st.html(headline(after, 0))
    if lesson := lesson_of(original.detection, after):
        st.html(f'<p class="nero-lesson" role="status">{escape(lesson)}</p>')
    st.html(marks.score_scale(score, after.threshold, score_domain(reference, score)))
    with st.container(horizontal=True, gap="small", key="perturb_pair"):
        with st.container(gap="xsmall"):
            st.markdown("**As it is**")
            _drag(item, original, perturbation)
            st.caption("Drag a rectangle on it to hide what is under it.")
        with st.container(gap="xsmall"):
            st.markdown("**Perturbed**")
            place = st.empty()
            with place:
                _picture(shown, f"The perturbed image {item.name}")
            wants = bool(inspector.composites) and st.toggle("Heatmap", key=state.learn.PERTURBED_MAP)
            says = st.empty()
            if not inspector.composites:
                says.caption(words.plain(inspector.no_heatmap_because))
    _facts(original, shown)
    if inspector.bundle.card.synthetic:
        st.caption(words.SYNTHETIC)
    return place, says, wants


def _line(shown: Perturbed) -> str:
    """Verdict and score in one line that a narrow screen keeps at the top; they stand below again, in full."""
    detection, verdict = shown.detection, shown.detection.verdict(0)
    return (
        f'<p class="nero-line" aria-hidden="true"><span style="color:{VERDICT_COLOUR[verdict]}">'
        f"{words.SYMBOL[verdict]}</span> <b>{verdict}</b>, score {words.number(float(detection.score[0]))}, "
        f"threshold {words.number(detection.threshold)}</p>"
    )


def _channels(inspector: Inspector, item: Source, shown: Perturbed) -> None:
    names = inspector.bundle.card.class_names
    st.plotly_chart(
        charts.channel_plot(shown.channels, names, theme_of(st.context.theme.type)),
        key="perturbed_channels",
        config=charts.toolbar("perturbed-channels"),
        alt="Relevance of the channels in the perturbed image against the nearest class",
    )
    st.caption(
        "Bars: the perturbed image. Marks: the mean of its nearest class. Where they differ, the distance grows."
    )
    make = partial(channel_figure, shown.channels, names, charts.TOP)
    figure_download("perturbed channels", make, "perturbed_channels", footer=origin(inspector, item))


def _picture(shown: Perturbed, alt: str) -> None:
    st.html(f'<div class="nero-picture nero-perturbed">{marks.picture(shown.pixels, alt)}</div>')


@st.cache_data(max_entries=16, ttl=resources.HOUR, show_spinner=False)
def _uri(image_id: str, _original: Perturbed) -> str:
    """The picture to drag on, written once and not at each movement of a slider."""
    return data_uri(_original.pixels, "webp")


def _drag(item: Source, original: Perturbed, perturbation: Perturbation) -> None:
    height, width = original.pixels.shape[:2]
    hidden = perturbation.occluded
    sides = (hidden.left, hidden.top, hidden.width, hidden.height) if hidden else (0.0, 0.0, 0.0, 0.0)
    st.plotly_chart(
        charts.drag_picture(_uri(item.id, original), (width, height), sides, theme_of(st.context.theme.type)),
        key=state.learn.drag_plot(),
        on_select=state.learn.occlude_dragged,
        selection_mode="box",
        config={"displayModeBar": False},
        alt="The image as it is; drag a rectangle on it, or use the sliders under Occlusion",
    )


def _facts(original: Perturbed, shown: Perturbed) -> None:
    before, after = original.detection, shown.detection
    score = float(after.score[0])
    p_values = (words.number(float(detection.p_value[0]), 2) for detection in (before, after))
    distances = (words.number(float(detection.terms["distance"][0])) for detection in (before, after))
    st.html(
        marks.facts(
            [
                ("Score", words.change(float(before.score[0]), score), False),
                ("p", " → ".join(p_values), False),
                ("Distance", " → ".join(distances), False),
                ("Threshold", f"{words.number(after.threshold)}: {words.percent(after.tpr)} of ID images pass", False),
            ]
        )
    )


def _heatmap(
    inspector: Inspector,
    item: Source,
    perturbation: Perturbation,
    shown: Perturbed,
    place: DeltaGenerator,
    says: DeltaGenerator,
) -> None:
    """The heatmap over the perturbed picture, once the controls rest.

    Each write to the page lets Streamlit begin again where a control has moved meanwhile, so a slider that is still
    moving never waits for a heatmap that nobody will see.
    """
    for _ in range(8):
        says.caption("The heatmap is drawn when you stop moving the controls …")
        time.sleep(RESTS / 8)
    with says, st.spinner("Tracing relevance back to the pixels …"):
        why = resources.perturbed_explanation(inspector, item, perturbation, shown)
    heatmap = smooth(why.heatmap, why.sigma)
    explained = inspector.bundle.card.class_names[why.explained_class]
    pixels = overlay(shown.pixels, heatmap, 0.7, heat_limit(heatmap))
    with place:
        st.html(f'<div class="nero-picture nero-perturbed">{marks.picture(pixels, f"Heatmap of {explained}")}</div>')
    conservation = words.heatmap_conservation(why)
    says.caption(f"Heatmap of {words.plain(explained)}: green speaks for it, purple against. {conservation}")
