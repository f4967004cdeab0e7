"""The card of a bundle, for reading: what it is, how good it is, how it was made, what it must not be used for."""

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, metadata

import streamlit as st

from dashboard import words
from dashboard.components import marks
from nero_core import Inspector

STANDS_ON = ("torch", "torchvision", "timm", "zennit", "zennit-crp", "pytorch-ood", "streamlit", "plotly", "matplotlib")

_DIGEST = re.compile(r"[0-9a-f]{32}")


def summary(inspector: Inspector) -> None:
    """Title, classes and sizes."""
    bundle, card = inspector.bundle, inspector.bundle.card
    with st.container(border=True):
        st.subheader(words.plain(card.title), anchor=False)
        if card.synthetic:
            st.markdown("All images of this reference set are **synthetic**: drawn by a program. They show no patient.")
        st.html(
            marks.facts(
                [
                    (
                        "Classifier",
                        f"{card.arch}, {card.model.input_size[0]} × {card.model.input_size[1]} pixels",
                        False,
                    ),
                    ("Classes", ", ".join(card.class_names), False),
                    (
                        "Fit images",
                        f"{bundle.fit_size}: {card.sample_sentence or 'the detectors learn from these'}",
                        False,
                    ),
                    (
                        "Calibration images",
                        f"{bundle.calibration_size}: thresholds and p-values come from these",
                        False,
                    ),
                    ("OOD bank", f"{bundle.ood_size}: {', '.join(card.ood_class_names) or 'none'}", False),
                    (
                        "Share of ID images that pass",
                        f"{words.percent(card.tpr)} of calibration images lie at or below the threshold",
                        False,
                    ),
                    ("Device", inspector.device_name, False),
                ]
            )
        )


def numbers(inspector: Inspector) -> None:
    """Figures on held-out images, and how many images each part has."""
    card = inspector.bundle.card
    with st.container(border=True):
        st.subheader("Numbers", anchor=False)
        if card.numbers:
            st.markdown("Measured on held-out images that took no part in training, fitting or calibration.")
            st.html(
                marks.facts((words.figure(name), words.number(value), False) for name, value in card.numbers.items())
            )
        else:
            st.markdown("No figures on held-out images are on this card.")
        with st.popover("Images of each part", icon=":material/table:", type="tertiary"):
            st.html(marks.facts((name, str(count), False) for name, count in card.counts.items()))


def making(inspector: Inspector) -> None:
    """How the bundle came to be."""
    card = inspector.bundle.card
    with st.container(border=True):
        st.subheader("How it was made", anchor=False)
        if card.origin is not None:
            origin = card.origin
            st.html(
                marks.facts(
                    [
                        ("Calibrated anew from", f"{origin.parent_title}, {origin.parent}", False),
                        ("Reviewed images", f"{origin.images}; readers: {origin.readers}", False),
                        ("Earlier images beside them", str(origin.earlier), False),
                        ("Made by", f"{origin.by}, {origin.at}", False),
                    ]
                )
            )
        for sentence in card.notes or ("The card holds no notes.",):
            st.markdown(words.plain(sentence))
        settings = [
            (name, ", ".join(f"{key} = {_text(value)}" for key, value in settings.items()), False)
            for name, settings in card.detectors.items()
        ]
        training = list(_training_rows(dict(card.model.training)))
        st.html(marks.facts([("seed of the split", str(card.seed), False), *training, *settings]))
        st.caption(
            "Made with " + words.plain(", ".join(f"{name} {version}" for name, version in card.made_with.items()))
        )


def limits(inspector: Inspector) -> None:
    """What it must not be used for."""
    with st.container(border=True):
        st.subheader("Limits", anchor=False)
        st.markdown(
            "Research and teaching. Not a medical device, and never a diagnosis.\n\n"
            "- “Like the reference images” says that the score is not unusual, not that the image is normal.\n"
            "- The threshold holds for images from the same source as the calibration images. Another endoscope, "
            "another hospital or another export shifts all scores.\n"
            "- A heatmap shows what the classifier used, and says how much of it the map accounts for. It does not "
            "show missing evidence, or whether the classifier is right."
        )
        if inspector.bundle.card.synthetic:
            st.markdown("- Synthetic images are easier than real ones: no figure on this page holds for patients.")


def files(inspector: Inspector) -> None:
    """Digests, so that two people can tell whether they have the same bundle."""
    card = inspector.bundle.card
    with st.container(border=True):
        st.subheader("Files", anchor=False)
        main = {name: digest for name, digest in card.files.items() if "/" not in name}
        st.html(
            marks.facts(
                [
                    ("bundle.json", inspector.bundle.digest, False),
                    *((name, digest, False) for name, digest in main.items()),
                ]
            )
        )
        st.caption(
            f"sha256 of each file; {len(card.files) - len(main)} reference pictures have theirs in bundle.json. "
            f"Schema version {card.schema_version}. A file that was altered is refused when the bundle is loaded."
        )


def licences() -> None:
    """What the program stands on, as installed here."""
    with st.container(border=True):
        st.subheader("Licences", anchor=False)
        rows = []
        for name in STANDS_ON:
            try:
                facts = metadata(name)
            except PackageNotFoundError:
                continue
            named = _licence(facts.json)
            rows.append((f"{name} {facts['Version']}", named.strip().splitlines()[0][:80], False))
        st.html(marks.facts(rows))


def _licence(facts: dict[str, str | list[str]]) -> str:
    """The licence that a package names: its SPDX expression, else its free text, else its classifiers."""
    classified = [line.rsplit(" :: ", 1)[-1] for line in facts.get("classifier", []) if line.startswith("License ::")]
    stated = str(facts.get("license_expression") or facts.get("license") or "UNKNOWN")
    return ", ".join(classified) or "see the package" if stated == "UNKNOWN" else stated


def _training_rows(training: Mapping[str, object]) -> Iterable[tuple[str, str, bool]]:
    """One row a fact of the training and one a setting; no digests, and nothing twice."""
    settings = training.get("settings")
    listed = {**settings, **training} if isinstance(settings, Mapping) else dict(training)
    for name, value in listed.items():
        text = _text(value)
        if name not in ("digests", "settings") and text and not _DIGEST.search(text):
            yield name.replace("_", " "), text, False


def _text(value: object) -> str:
    """A setting for reading."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return words.number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    return str(value)
