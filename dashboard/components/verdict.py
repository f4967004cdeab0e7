"""The verdict: words, then the numbers behind them."""

from functools import partial
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import words
from dashboard.components import marks
from dashboard.components.figure_download import Origin, figure_download
from dashboard.components.image_cards import end_of_card
from dashboard.resources import Source
from dashboard.theme import VERDICT_COLOUR
from nero_core.figures import score_domain, verdict_figure
from nero_core.types import VERDICT, Detection, DrawnText, ReferenceScores


def verdict_card(
    detection: Detection,
    reference: ReferenceScores,
    class_names: tuple[str, ...],
    nearest: int,
    is_synthetic: bool = False,
    index: int = 0,
    footer: Origin | None = None,
    nero: Detection | None = None,
    note: str = "",
    item: Source | None = None,
    unlike: float = 1.0,
    picture: tuple[str, ...] = (),
    best: str = "",
    drawn: tuple[DrawnText, NDArray[np.uint8]] | None = None,
) -> None:
    """One image's verdict against its threshold, its p-value, its class, and the score taken apart.

    With a reference set of drawn images a sentence says what its verdicts are worth.

    Args:
        detection: the verdict by two tests, or a single method's.
        reference: scores of the banks by the same method.
        class_names: of the ID classes.
        nearest: class whose centroid is nearest.
        is_synthetic: whether the reference images are drawn.
        index: of the image in the detection.
        footer: what is said in the figure.
        nero: NERO's own answer beside the verdict by two tests, whose score can be taken apart.
        note: why the verdict is not by two tests.
        item: the image that the card is of, where it is one of several to leaf through.
        unlike: share of the image that is unlike the reference images, patch by patch; 1 where it is not known.
        picture: what a reader should know of the picture itself.
        best: which method served this reference set best, where that is worth a line.
        drawn: something like text in the picture, and the part of it to look at.
    """
    with st.container(border=True, height="stretch", key="verdict"):
        st.html(headline(detection, index, is_synthetic, unlike))
        score = float(detection.score[index])
        if "p_nero" in detection.terms:
            st.html(marks.facts([(name, says, False) for name, says in words.two_tests(detection, index)]))
        if best:
            st.caption(words.plain(best))
        st.html(marks.score_scale(score, detection.limits(index).threshold, score_domain(reference, score)))
        st.html(marks.facts(_facts(detection, class_names, nearest, index)))
        for says in (note, *picture):
            if says:
                st.caption(words.plain(says))
        if drawn is not None:
            _drawn_text(*drawn)
        if "scale" in detection.terms:  # NERO's alone
            st.html(score_apart(detection, class_names[nearest], index))
        elif nero is not None:
            with st.expander("NERO's own score, taken apart"):
                st.html(marks.facts([("Score", f"{words.threshold(nero, index)}.", False)]))
                st.html(score_apart(nero, class_names[nearest], index))
        else:
            method = words.plain(words.method(detection.detector))
            st.caption(f"The score of {method} is one number. {words.others_explained(method)}")
        make = partial(verdict_figure, detection, reference, class_names, nearest, index)
        figure_download(f"{detection.detector} verdict", make, "verdict_card", footer=footer)
        if item is not None:
            end_of_card(item)


def headline(detection: Detection, index: int, is_synthetic: bool = False, unlike: float = 1.0) -> str:
    """Symbol, verdict and advice; of drawn reference images, what that is worth, as large as the advice."""
    verdict = detection.verdict(index)
    return (
        f'<div class="nero-verdict" role="status"><span class="symbol" aria-hidden="true" '
        f'style="color:{VERDICT_COLOUR[verdict]}">{words.SYMBOL[verdict]}</span>'
        f"<h2>{words.HEADLINE[verdict]}</h2><p>{words.advice(detection, index, is_synthetic, unlike)}</p></div>"
    )


def score_apart(detection: Detection, nearest: str, index: int) -> str:
    """(distance + bias) × scale = score, with a bar for each."""
    distance, bias, scale = (float(detection.terms[name][index]) for name in ("distance", "bias", "scale"))
    bars = marks.bars(
        [
            (f"distance to {nearest}", distance, words.number(distance), False),
            ("bias term", bias, words.number(bias), False),
            ("scale, of 1", scale * max(distance, bias), words.number(scale), True),
        ],
        largest=max(distance, bias) or 1.0,
    )
    total = float(detection.score[index])
    formula = (
        f"({words.number(distance)} distance + {words.number(bias)} bias) × {words.number(scale)} scale "
        f"= score {words.number(total)}"
    )
    return f'<p class="nero-quiet" style="margin:0.4rem 0">The score taken apart: {escape(formula)}</p>{bars}'


def _drawn_text(found: DrawnText, part: NDArray[np.uint8]) -> None:
    """The note, and a look at where."""
    with st.container(horizontal=True, vertical_alignment="center", key="drawn_text"):
        st.caption(words.drawn_text(found), width="content")
        with st.popover("See it", type="tertiary"):
            shown = marks.picture(part, "The part of the picture where something like text is drawn")
            st.html(f'<div class="nero-picture drawn-text">{shown}</div>')
            st.caption("Small, thin shapes of one height in a row. Nothing was read, and more may be there.")


def _facts(detection: Detection, class_names: tuple[str, ...], nearest: int, index: int) -> list[tuple[str, str, bool]]:
    is_ood = bool(detection.is_ood[index])
    by = "" if detection.detector == VERDICT else f"{words.method(detection.detector)} "
    return [
        ("Decision", words.sentence(detection, index, class_names), False),
        ("Score", f"{by}{words.threshold(detection, index)}.", False),
        ("Predicted", words.predicted(detection, index, class_names), is_ood),
        ("Nearest class", words.nearest_class(class_names[nearest]), False),
    ]
