import math
from dataclasses import replace

import pytest

from nero_core.figures.wording import (
    cancelling,
    channel_use,
    channel_use_briefly,
    conservation_text,
    conservation_text_briefly,
    heatmap_text,
    here_and_usual,
    own_limit,
)
from nero_core.types import LogitPath
from tests.nero_core.figures.test_style import explain


@pytest.mark.parametrize(
    ("relevance", "centroid", "words"),
    [
        (0.31, 0.1, "used 3.1 times more than usual"),
        (0.101, 0.1, "used a little more than usual"),
        (0.2, -0.1, "used only here"),
        (0.2, 0.0, "used only here"),
        (0.2, 0.001, "used only here"),
        (-0.1, -0.3, "argues against this class, less than usual"),
        (0.0, -0.3, "not used"),
        (0.1, 0.1, "used as usual"),
        (0.04, 0.1, "used 0.40 times as much as usual"),
        (0.001, 0.1, "missing"),
        (-0.1, 0.1, "argues against this class here"),
        (-0.3, -0.1, "argues against this class"),
    ],
)
def test_the_use_of_a_channel_is_said_in_words(relevance: float, centroid: float, words: str):
    assert channel_use(relevance, centroid) == words


@pytest.mark.parametrize(
    ("relevance", "centroid", "words"),
    [
        (0.31, 0.1, "used ×3.1"),
        (0.04, 0.1, "used ×0.40"),
        (0.2, 0.0, "used only here"),
        (0.001, 0.1, "missing"),
        (-0.3, -0.1, "against the class"),
    ],
)
def test_the_use_of_a_channel_has_a_short_form_for_the_sheet(relevance: float, centroid: float, words: str):
    assert channel_use_briefly(relevance, centroid) == words


def test_a_channel_that_speaks_against_a_class_is_not_against_a_number():
    assert here_and_usual(-0.0197, -0.00115) == "−0.0197 here, −0.00115 in the class"


@pytest.mark.parametrize(("value", "is_said"), [(1.0, False), (3.0, False), (19.0, True), (math.nan, False)])
def test_only_maps_whose_signs_mostly_cancel_are_said_to(value: float, is_said: bool):
    assert (cancelling(value) != "") == is_said
    assert ("together 19 times" in cancelling(value)) == is_said


@pytest.mark.parametrize(
    ("conservation", "cancellation", "words", "briefly"),
    [
        (0.97, 1.0, "keeps 0.97 of relevance", "keeps 0.97"),
        (-0.004, 1.0, "keeps 0.00 of relevance", "keeps 0.00"),
        (1.05, 1.1, "keeps 1.05 of relevance", "keeps 1.05"),
        (1.42, 2.0, "comes to 1.42 of relevance", "comes to 1.42"),
        (-3.2, math.nan, "comes to −3.20 of relevance", "comes to −3.20"),
        (-0.33, 81.0, "comes to −0.330 of relevance; positive and", "comes to −0.330, signs cancel ×81"),
        (0.0, 0.0, "none of the relevance arrives", "none of the relevance arrives"),
        (math.nan, math.nan, "no relevance here", "no relevance here"),
    ],
)
def test_what_a_map_keeps_is_said_alike_in_both_lengths(
    conservation: float, cancellation: float, words: str, briefly: str
):
    assert conservation_text(conservation, cancellation).startswith(words)
    assert conservation_text_briefly(conservation, cancellation).startswith(briefly)
    assert ("cancel" in conservation_text(conservation, cancellation)) == (
        "cancel" in conservation_text_briefly(conservation, cancellation)
    )


def test_composite_and_own_colours_stand_behind_what_is_kept():
    assert (
        conservation_text(0.97, 1.0, "epsilon_plus", "own colours, to ±2")
        == "keeps 0.97 of relevance; ε+; own colours, to ±2"
    )
    assert conservation_text_briefly(0.97, 1.0, own_limit(0.002, 0.001)) == "keeps 0.97; own colours, to ±0.00200"
    assert own_limit(0.002, 0.002) == ""


@pytest.mark.parametrize(
    ("conservation", "cancellation", "path", "says"),
    [
        (0.97, 1.2, None, "keeps 0.97 of relevance; ε+"),
        (
            1.02, 2.0, LogitPath(5.0, 8.0),
            "adds up to 3.06 of the 3.00 that the detail of the image adds to the logit; integrated gradients",
        ),
        (
            0.5, 13.0, LogitPath(2.0, 1.0),
            ("adds up to −0.500 of the −1.00 that the detail of the image adds to the logit; integrated gradients; "
            "positive and negative parts mostly cancel: together 13 times the whole"),
        ),
        (math.nan, math.nan, LogitPath(1.0, 1.0), "no relevance here"),
    ],
)  # fmt: skip
def test_a_class_heatmap_says_what_it_adds_up_to(
    conservation: float, cancellation: float, path: LogitPath | None, says: str
):
    composite = "epsilon_plus" if path is None else "integrated_gradients"
    why = replace(explain(0), conservation=conservation, cancellation=cancellation, path=path, composite=composite)
    assert heatmap_text(why) == says
