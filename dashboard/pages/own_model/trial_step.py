"""Whether the classifier knows the images that it was given: tried on some of them before anything is made."""

from pathlib import Path

import streamlit as st

from dashboard import state, words
from dashboard.components.staged_upload import draft
from dashboard.pages.own_model.classifier_step import KIND, NORMALISATIONS
from nero_core.calibration import Trial, try_classifier
from nero_core.errors import NeroError
from nero_core.models import ModelCard

MOST_SHOWN = 20  # classes of a table that can be read


def trial_step(card: ModelCard, images: Path) -> Trial | None:
    """The share that is right, the table of answers, and what may be wrong; None where it cannot be tried."""
    asked = (state.jobs.checked(KIND), str(images), state.jobs.staged(KIND).get(state.jobs.ID_ZIP))
    tried = state.jobs.tried(KIND)
    if tried is None or tried[0] != asked:
        others = {name: (mean, std) for name, (mean, std) in NORMALISATIONS.items() if mean and std}
        with st.spinner("Trying the classifier on some of its images …"):
            job = draft(KIND)
            try:
                result: Trial | str = try_classifier(
                    job.inputs / "checkpoint",
                    images,
                    normalisations=others,
                    inside=job.inputs,
                    device=state.jobs.device(),
                )
            except NeroError as error:
                result = str(error)
        tried = asked, result
        state.jobs.keep_tried(KIND, tried)
    trial = tried[1]
    if not isinstance(trial, Trial):
        st.error(words.plain(words.page_terms(str(trial))), icon=":material/error:")
        return None
    _say(trial, card)
    return trial


def summary(trial: Trial) -> str:
    """What the trial found, for the card of the set."""
    text = (
        f"Before it was made the classifier named {trial.right} of {trial.images} of the ID images as their folders do "
        f"({words.percent(trial.accuracy)}; guessing: {words.percent(trial.by_guessing)})."
    )
    often = [f"{folder} as {said} {count} times" for folder, said, count in trial.mistakes[:3]]
    return f"{text} Most frequent mistakes: {'; '.join(often)}." if often else text


def _say(trial: Trial, card: ModelCard) -> None:
    text = (
        f"Tried on {trial.images} of the images: {trial.right} are named as their folder is "
        f"({words.percent(trial.accuracy)}). Guessing would name {words.percent(trial.by_guessing)} of them so."
    )
    (st.caption if not trial.is_guessing else st.markdown)(words.plain(text))
    if len(trial.classes) <= MOST_SHOWN:
        with st.expander("The answers, class by class", expanded=trial.is_guessing):
            st.dataframe(_table(trial), hide_index=True, key="confusion")
            st.caption("Rows: the folder. Columns: what the classifier says, in the order of its outputs.")
    if trial.is_guessing:
        st.error(words.plain(_reason(trial, card)), icon=":material/error:")
    elif trial.likely_order:
        st.warning(words.plain(_order(trial)), icon=":material/warning:")
    if trial.likely_order:
        st.button("Use this order", key="use_order", on_click=state.jobs.order_classes, args=(trial.likely_order,))
    if trial.is_guessing and trial.likely_normalisation:
        st.caption("Choose it under Options of step 1.")


def _reason(trial: Trial, card: ModelCard) -> str:
    expected = "Expected a classifier that names these images better than guessing. "
    actual = f"Found {trial.right} of {trial.images} right. "
    if trial.likely_order:
        return expected + actual + _order(trial)
    if trial.likely_normalisation:
        right = trial.elsewhere[trial.likely_normalisation]
        return (
            expected + actual + f"The likely reason is the normalisation: with “{trial.likely_normalisation}” "
            f"{right} would be right."
        )
    height, width = card.input_size
    return (
        expected + actual + "Likely reasons: the class names stand in another order than in training, the input size "
        f"is not that of training (here {height} × {width} pixels), the mean and deviation are not those of training, "
        "or the images are of another kind."
    )


def _order(trial: Trial) -> str:
    return (
        f"The likely reason is the order of the class names: in the order {words.listed(list(trial.likely_order))} "
        f"{trial.right_in_likely_order} would be right."
    )


def _table(trial: Trial) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {"folder": list(trial.classes)}
    for place, name in enumerate(trial.classes):
        columns[f"says {name}"] = trial.confusion[:, place].tolist()
    return columns
