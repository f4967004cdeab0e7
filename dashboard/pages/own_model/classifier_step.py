"""Step 1: the weights of a classifier, and what they are the weights of."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import state, words
from dashboard.components.staged_upload import draft, most_megabytes, staged_upload
from dashboard.pages.own_model.architectures import ARCHITECTURES, offered, too_large
from nero_core import import_checkpoint
from nero_core.errors import NeroError
from nero_core.models import IMAGENET_MEAN, IMAGENET_STD, ModelCard, load_checkpoint, read_model_card, save_checkpoint

KIND = "calibrate"
_HALF, _ZERO, _ONE = (0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
#: what training did to pixels in [0, 1]: mean and deviation; None is timm's for the architecture
NORMALISATIONS = {
    "the architecture's own": (None, None),
    "ImageNet": (IMAGENET_MEAN, IMAGENET_STD),
    "0.5 and 0.5": (_HALF, _HALF),
    "none": (_ZERO, _ONE),
}


@dataclass(frozen=True, slots=True)
class ClassifierAnswers:
    """What was given of a classifier.

    Attributes:
        weights: the file; None where there is none yet.
        card: its ``model.json``, which answers all that follows; None where there is none.
        arch: name of a timm architecture, "" where none was chosen.
        side: of the input in pixels; None for the architecture's own.
        normalisation: a key of ``NORMALISATIONS``.
        by_order: tensors are matched by their place.
    """

    weights: Path | None
    card: ModelCard | None
    arch: str
    side: int | None
    normalisation: str
    by_order: bool


def classifier_step() -> ClassifierAnswers:
    """The fields."""
    most = most_megabytes()
    weights = staged_upload(
        f"Checkpoint: a .safetensors file, at most {most} MB",
        state.jobs.WEIGHTS,
        ".safetensors",
        KIND,
        "The weights alone, saved with safetensors.torch.save_file(model.state_dict(), …). Pickled files (.pth) may "
        "hold programs and are not opened here; the command nero import-checkpoint takes them.",
    )
    described = staged_upload(
        "Its model.json, if there is one beside it",
        state.jobs.MODEL_CARD,
        ".json",
        KIND,
        "nero train and nero import-checkpoint write it. Architecture, classes, input size and normalisation come from "
        "it, and images that the classifier was trained on are left out.",
    )
    card = None if described is None else _card(described)
    if card is not None:
        height, width = card.input_size
        st.caption(
            f"✓ {words.plain(card.arch)}, {len(card.classes)} classes, {height} × {width} pixels, mean "
            f"{_numbers(card.mean)}, deviation {_numbers(card.std)}, as its model.json says."
        )
        return ClassifierAnswers(weights, card, card.arch, None, next(iter(NORMALISATIONS)), False)
    arch = st.selectbox(
        "Architecture, by its name in timm",
        offered(ARCHITECTURES, most),
        index=None,
        key=state.jobs.ARCH,
        accept_new_options=True,
        placeholder="choose one, or write its name",
    )
    note = too_large(ARCHITECTURES, most)
    if note:
        st.caption(note)
    with st.expander("Options", icon=":material/tune:"):
        side = st.number_input(
            "Input size in pixels",
            min_value=16,
            max_value=4096,
            value=None,
            step=1,
            key=state.jobs.INPUT_SIDE,
            placeholder="the architecture's own, else 224",
        )
        normalisation = st.selectbox(
            "Normalisation in training (mean and deviation)", list(NORMALISATIONS), key=state.jobs.NORMALISATION
        )
        by_order = st.checkbox(
            words.BY_ORDER,
            key=state.jobs.BY_ORDER,
            help="For weights of this very network under other names: the first tensor of the file is the first of the "
            "network, and so on.",
        )
    return ClassifierAnswers(
        weights, None, (arch or "").strip(), None if side is None else int(side), normalisation, by_order
    )


def check_classifier(answers: ClassifierAnswers, classes: list[str]) -> ModelCard | None:
    """Read the weights as this classifier, once for each set of answers; what is wrong is said beside the fields.

    Returns:
        What lies in the draft's folder ``checkpoint`` now; None where something is wrong.
    """
    assert answers.weights is not None
    job = draft(KIND)
    staged = state.jobs.staged(KIND)
    asked = (job.id, staged.get(state.jobs.WEIGHTS), answers, tuple(classes))
    checked = state.jobs.checked(KIND)
    if checked is None or checked[0] != asked:
        with st.spinner("Reading the weights as this classifier …"):
            try:
                checked = asked, _written(answers, classes, job.inputs / "checkpoint")
            except NeroError as error:
                checked = asked, str(error)
        state.jobs.keep_checked(KIND, checked)
    if isinstance(checked[1], str):
        st.error(words.plain(words.page_terms(checked[1])), icon=":material/error:")
        return None
    card = checked[1]
    assert isinstance(card, ModelCard)
    height, width = card.input_size
    st.caption(
        f"✓ The weights are those of {words.plain(card.arch)} with {len(classes)} classes, read at "
        f"{height} × {width} pixels."
    )
    left_out = card.training.settings.get("imported", {}).get("left_out", ())
    if left_out:
        st.caption(f"Left out, since it is no part of the network: {words.plain(words.listed(list(left_out)[:4]))}.")
    return card


def _written(answers: ClassifierAnswers, classes: list[str], out: Path) -> ModelCard:
    """A checkpoint folder; with a card, its training stays known."""
    assert answers.weights is not None
    own = answers.card
    mean, std = (own.mean, own.std) if own else NORMALISATIONS[answers.normalisation]
    card = import_checkpoint(
        answers.weights,
        answers.arch,
        classes,
        out,
        size=own.input_size[0] if own else answers.side,
        mean=mean,
        std=std,
        by_order=answers.by_order,
        overwrite=True,
    )
    if own is None:
        return card
    settings = {**own.training.settings, **card.training.settings}
    training = own.training.model_copy(update={"settings": settings})
    card = card.model_copy(update={"input_size": own.input_size, "training": training})
    save_checkpoint(out, load_checkpoint(out)[0].model, card)
    return card


def _card(path: Path) -> ModelCard | None:
    try:
        return read_model_card(path)
    except NeroError as error:
        st.error(words.plain(str(error).replace(str(path), "model.json")), icon=":material/error:")
        return None


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
