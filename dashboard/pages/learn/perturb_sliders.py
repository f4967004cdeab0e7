"""The sliders of "perturb and watch", and the way back from what they have done."""

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from dashboard import state
from dashboard.components.link_values import Offer, choices, link_values, numbers
from nero_core.phantom import FILLS, LESIONS, PERTURBATIONS, Lesion, Perturbation, Rectangle

NO_LESION = "none"
_OCCLUDED = ("Left", "Top", "Width", "Height")


def controls(mean: tuple[float, ...]) -> Perturbation:
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
                help="Drawn by a program. It shows no patient.",
            )
            off = label == NO_LESION
            x, y, size, seed = state.learn.LESION_PLACE
            place = (
                st.slider("Across, %", 0, 100, 50, key=x, bind="query-params", disabled=off),
                st.slider("Down, %", 0, 100, 50, key=y, bind="query-params", disabled=off),
                st.slider("Size, % of the shorter side", 5, 100, 40, key=size, bind="query-params", disabled=off),
                st.slider("Drawing", 0, 20, 0, key=seed, bind="query-params", disabled=off),
            )
    state.learn.remember(_widget_values(strengths, sides, fill, label, place))
    left, top, width, height = (side / 100 for side in sides)
    return Perturbation(
        strengths=strengths,
        lesion=None if off else Lesion(label, place[0] / 100, place[1] / 100, place[2] / 100, place[3]),
        occluded=Rectangle(left, top, width, height) if width and height else None,
        fill=fill or FILLS[0],
        colour=(float(mean[0]), float(mean[1]), float(mean[2])),
    )


def undo_and_reset() -> None:
    """One step back, and all sliders as they were at first."""
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
        args=(slider_values(),),
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


def _widget_values(
    strengths: Mapping[str, float], sides: list[int], fill: str | None, label: str, place: tuple[int, ...]
) -> dict[str, object]:
    """What every widget holds, by its key."""
    values: dict[str, object] = {
        state.learn.strength(name): _as_slider(name, value) for name, value in strengths.items()
    }
    values |= dict(zip(state.learn.OCCLUDED, sides, strict=True)) | {state.learn.FILL: fill, state.learn.LESION: label}
    return values | dict(zip(state.learn.LESION_PLACE, place, strict=True))


def slider_values(
    strengths: Mapping[str, float] = MappingProxyType({}),
    sides: tuple[int, int, int, int] = (0, 0, 0, 0),
    lesion: str | None = None,
) -> dict[str, object]:
    """What every widget holds when this and nothing else is done to the image.

    Args:
        strengths: by name; one that is missing is neutral.
        sides: of the hidden rectangle in percent: left, top, width, height.
        lesion: to paste in the middle, or None.
    """
    every = {name: strengths.get(name, spec.neutral) for name, spec in PERTURBATIONS.items()}
    return _widget_values(every, list(sides), FILLS[0], lesion or NO_LESION, (50, 50, 40, 0))


def _as_slider(name: str, value: float) -> float:
    """Streamlit's sliders keep whole numbers and others apart."""
    spec = PERTURBATIONS[name]
    return (
        int(value) if all(float(end).is_integer() for end in (spec.lowest, spec.highest, spec.step)) else float(value)
    )
