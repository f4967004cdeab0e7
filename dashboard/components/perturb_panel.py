"""Perturb and watch: sliders on the image, and what score, channels and heatmap make of it."""

import time
from collections.abc import Mapping
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin
from dashboard.components.lesson import picked
from dashboard.components.link_values import Offer, choices, link_values, numbers
from dashboard.components.perturbed_figure import perturbed_figure
from dashboard.components.verdict import headline
from dashboard.plain_errors import plain_errors
from dashboard.resources import Perturbed, Source
from dashboard.theme import VERDICT_COLOUR, theme_of
from nero_core import (
    FILLS,
    LESIONS,
    PERTURBATIONS,
    Inspector,
    Lesion,
    Perturbation,
    Rectangle,
    channel_figure,
    score_domain,
)
from nero_core.explain.render import data_uri, heat_limit, overlay, smooth

NO_LESION = "none"
RESTS = 0.4  # seconds without a movement before a heatmap is begun
_OCCLUDED = ("Left", "Top", "Width", "Height")


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
        result_side, slider_side = st.columns([7, 5], gap="small")
        pictures = result_side.container(border=True, key="perturb_pictures")
        with slider_side.container(border=True, key="perturb_sliders"):
            buttons = st.container(horizontal=True, key="perturb_buttons")
            perturbation = _controls(inspector.bundle.classifier.mean)
            with buttons:  # after the sliders have said what can be taken back
                _buttons()
        channels = st.container(border=True, key="perturb_channels")
        original = resources.perturbed(inspector, item, Perturbation(), tpr)
        shown = resources.perturbed(inspector, item, perturbation, tpr)
        line.html(_line(shown))
        with pictures:
            place, says, wants_heatmap = _watch(inspector, item, original, shown, perturbation)
            is_empty = not bool(shown.channels.relevance.any())
            traced = wants_heatmap and not is_empty
            make = partial(perturbed_figure, inspector, item, perturbation, original, shown, traced)
            figure_download("perturbed image", make, "perturbed_image", of=origin(inspector, item))
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
    said, verdict = shown.detection, shown.detection.verdict(0)
    return (
        f'<p class="nero-line" aria-hidden="true"><span style="color:{VERDICT_COLOUR[verdict]}">'
        f"{words.SYMBOL[verdict]}</span> <b>{verdict}</b>, score {words.number(float(said.score[0]))}, "
        f"threshold {words.number(said.threshold)}</p>"
    )


def _channels(inspector: Inspector, item: Source, shown: Perturbed) -> None:
    names = inspector.bundle.card.class_names
    st.plotly_chart(
        charts.channel_plot(shown.channels, names, theme_of(st.context.theme.type)),
        key="perturbed_channels",
        config=charts.toolbar("perturbed-channels"),
        alt="Relevance of the channels in the perturbed image against the nearest class",
    )
    st.caption("Bars: the perturbed image. Marks: the mean of its nearest class. Where they part, the distance grows.")
    make = partial(channel_figure, shown.channels, names, charts.TOP)
    figure_download("perturbed channels", make, "perturbed_channels", of=origin(inspector, item))


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
    p_values = (words.number(float(one.p_value[0]), 2) for one in (before, after))
    distances = (words.number(float(one.terms["distance"][0])) for one in (before, after))
    st.html(
        marks.facts(
            [
                ("Score", words.change(float(before.score[0]), score), False),
                ("p", " → ".join(p_values), False),
                ("Distance", " → ".join(distances), False),
                ("Threshold", f"{words.number(after.threshold)}, accepts {words.percent(after.tpr)} of ID", False),
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

    Each write to the page lets Streamlit begin anew where a control has moved meanwhile, so a slider that is still
    moving never waits for a heatmap that nobody will see.
    """
    for _ in range(8):
        says.caption("The heatmap follows when the controls rest …")
        time.sleep(RESTS / 8)
    with says, st.spinner("Tracing relevance back to the pixels …"):
        why = resources.perturbed_explanation(inspector, item, perturbation, shown)
    heatmap = smooth(why.heatmap, why.sigma)
    explained = inspector.bundle.card.class_names[why.explained_class]
    pixels = overlay(shown.pixels, heatmap, 0.7, heat_limit(heatmap))
    with place:
        st.html(f'<div class="nero-picture nero-perturbed">{marks.picture(pixels, f"Heatmap of {explained}")}</div>')
    kept = words.conservation(why.conservation, cancellation=why.cancellation)
    says.caption(f"Heatmap of {words.plain(explained)}: green speaks for it, purple against. {kept}")


def _buttons() -> None:
    st.button(
        "Undo",
        icon=":material/undo:",
        key="perturb_undo",
        disabled=not state.learn.can_undo(),
        on_click=state.learn.undo,
    )
    st.button(
        "Reset",
        icon=":material/restart_alt:",
        key="perturb_reset",
        on_click=state.learn.set_all,
        args=(_neutral(),),
    )


def _controls(mean: tuple[float, ...]) -> Perturbation:
    """All sliders, and what they say together."""
    names = list(PERTURBATIONS)
    with link_values(_offers()):
        groups = st.container(key="perturb_groups")
        with groups.container(gap="small"):
            st.markdown("**Camera**")
            strengths = {name: _strength(name) for name in names[:3]}
        with groups.container(gap="small"):
            st.markdown("**Colour and file**")
            strengths |= {name: _strength(name) for name in names[3:]}
        with groups.container(gap="small"):
            st.markdown("**Occlusion**, % of the sides")
            sides = [
                st.slider(label, 0, 100, 0, key=key, bind="query-params")
                for label, key in zip(_OCCLUDED, state.learn.OCCLUDED, strict=True)
            ]
            fill = st.segmented_control(
                "Filled with",
                FILLS,
                default=FILLS[0],
                required=True,
                key=state.learn.FILL,
                bind="query-params",
                help="Mean colour: what the classifier's preprocessing turns to 0. Blurred: the picture's own colours.",
            )
        with groups.container(gap="small"):
            st.markdown("**Paste a drawn lesion**")
            label = st.selectbox(
                "Lesion",
                (NO_LESION, *LESIONS),
                key=state.learn.LESION,
                bind="query-params",
                help="Drawn by the phantom, of no patient.",
            )
            off = label == NO_LESION
            x, y, size, seed = state.learn.LESION_PLACE
            place = (
                st.slider("Across, %", 0, 100, 50, key=x, bind="query-params", disabled=off),
                st.slider("Down, %", 0, 100, 50, key=y, bind="query-params", disabled=off),
                st.slider("Size, % of the shorter side", 5, 100, 40, key=size, bind="query-params", disabled=off),
                st.slider("Drawing", 0, 20, 0, key=seed, bind="query-params", disabled=off),
            )
    state.learn.remember(_held(strengths, sides, fill, label, place))
    left, top, width, height = (side / 100 for side in sides)
    return Perturbation(
        strengths=strengths,
        lesion=None if off else Lesion(label, place[0] / 100, place[1] / 100, place[2] / 100, place[3]),
        occluded=Rectangle(left, top, width, height) if width and height else None,
        fill=fill or FILLS[0],
        colour=(float(mean[0]), float(mean[1]), float(mean[2])),
    )


def _offers() -> dict[str, Offer]:
    """What a link can ask of the sliders."""
    offers = {
        state.learn.strength(name): numbers(
            spec.title.lower(), _as_slider(name, spec.lowest), _as_slider(name, spec.highest)
        )
        for name, spec in PERTURBATIONS.items()
    }
    sides = zip(_OCCLUDED, state.learn.OCCLUDED, strict=True)
    offers |= {key: numbers(f"occlusion ({label.lower()})", 0, 100) for label, key in sides}
    x, y, size, seed = state.learn.LESION_PLACE
    return offers | {
        state.learn.FILL: choices("filling", FILLS),
        state.learn.LESION: choices("lesion", (NO_LESION, *LESIONS)),
        x: numbers("place across", 0, 100),
        y: numbers("place down", 0, 100),
        size: numbers("size of the lesion", 5, 100),
        seed: numbers("drawing of the lesion", 0, 20),
    }


def _strength(name: str) -> float:
    spec = PERTURBATIONS[name]
    whole = all(float(end).is_integer() for end in (spec.lowest, spec.highest, spec.step))
    number = int if whole else float
    return float(
        st.slider(
            f"{spec.title}, {spec.unit}",
            number(spec.lowest),
            number(spec.highest),
            number(spec.neutral),
            number(spec.step),
            key=state.learn.strength(name),
            bind="query-params",
        )
    )


def _held(
    strengths: Mapping[str, float], sides: list[int], fill: str | None, label: str, place: tuple[int, ...]
) -> dict[str, object]:
    """What every widget holds, by its key."""
    held: dict[str, object] = {state.learn.strength(name): _as_slider(name, value) for name, value in strengths.items()}
    held |= dict(zip(state.learn.OCCLUDED, sides, strict=True)) | {state.learn.FILL: fill, state.learn.LESION: label}
    return held | dict(zip(state.learn.LESION_PLACE, place, strict=True))


def _neutral() -> dict[str, object]:
    """What every widget holds when nothing is perturbed."""
    return _held(
        {name: spec.neutral for name, spec in PERTURBATIONS.items()}, [0] * 4, FILLS[0], NO_LESION, (50, 50, 40, 0)
    )


def _as_slider(name: str, value: float) -> float:
    """Streamlit's sliders keep whole numbers and others apart."""
    spec = PERTURBATIONS[name]
    return (
        int(value) if all(float(end).is_integer() for end in (spec.lowest, spec.highest, spec.step)) else float(value)
    )
