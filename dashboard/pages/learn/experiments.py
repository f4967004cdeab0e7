"""Prepared experiments: one click sets the sliders, one sentence says what came of it."""

from dataclasses import dataclass

import streamlit as st

from dashboard import state, words
from dashboard.pages.learn.perturb_sliders import slider_values
from nero_core.types import Detection


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is done to the image.

    Attributes:
        title: on the button.
        did: what it does, as the subject of a sentence.
        strengths: of the sliders, by name.
        sides: of the rectangle that is hidden, in percent: left, top, width, height.
        lesion: what is pasted.
    """

    title: str
    did: str
    strengths: dict[str, float]
    sides: tuple[int, int, int, int] = (0, 0, 0, 0)
    lesion: str | None = None

    @property
    def values(self) -> dict[str, object]:
        """What every slider holds then."""
        return slider_values(self.strengths, self.sides, self.lesion)


EXPERIMENTS = (
    Experiment("Out of focus", "the blur", {"blur": 3.0}),
    Experiment("Other colours", "the turn of all colours", {"hue": 120.0}),
    Experiment("Poor file", "the coarse JPEG file", {"jpeg": 5.0}),
    Experiment("Middle hidden", "the hidden rectangle", {}, (30, 30, 40, 40)),
    Experiment("Polyp pasted", "the drawn polyp", {}, lesion="polyps"),
    Experiment("Dye pasted", "the drawn lesion with dye", {}, lesion="dyed-lifted-polyps"),
)


def experiments() -> None:
    """The buttons."""
    st.markdown("**Experiments**", width="content")
    for number, experiment in enumerate(EXPERIMENTS):
        st.button(
            experiment.title,
            key=f"experiment_{number}",
            type="primary" if is_set(experiment) else "secondary",
            on_click=state.learn.set_all,
            args=(experiment.values,),
        )


def is_set(experiment: Experiment) -> bool:
    """Whether the sliders are as the experiment sets them."""
    return all(state.site.value_of(key) == value for key, value in experiment.values.items())


def lesson_of(before: Detection, after: Detection) -> str:
    """The sentence on what the experiment did that the sliders show; nothing where they show none."""
    for experiment in EXPERIMENTS:
        if is_set(experiment):
            return words.experiment(experiment.did, before, after)
    return ""
