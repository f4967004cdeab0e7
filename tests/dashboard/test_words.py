import math

import pytest

from dashboard import words


def test_a_p_value_says_what_it_counts():
    assert words.p_value(6 / 301, 300) == "p = 0.020: 5 of the 300 calibration images scored as high or higher."


def test_the_smallest_p_value_says_that_it_is_the_smallest():
    said = words.p_value(1 / 301, 300)
    assert said.startswith("p = 0.0033: none of the 300 calibration images")
    assert "1/301 is the smallest p" in said


@pytest.mark.parametrize(
    ("relevance", "centroid", "said"),
    [
        (0.31, 0.1, "over-used ×3.1"),
        (0.04, 0.1, "under-used ×0.40"),
        (0.001, 0.1, "missing"),
        (-0.1, 0.1, "turned against"),
        (0.2, 0.0, "used only here"),
        (0.2, -0.1, "used only here"),
        (-0.3, -0.1, "speaks against"),
        (0.101, 0.1, "slightly over-used"),
        (0.1, 0.1, "used as much"),
    ],
)
def test_the_use_of_a_channel_is_said_in_words(relevance: float, centroid: float, said: str):
    assert words.use(relevance, centroid) == said


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (3.41, "3.41"),
        (0.0304, "0.0304"),
        (-12.345, "−12.3"),
        (1549.4, "1549"),
        (0.0000107, "1.07 × 10⁻⁵"),
        (math.nan, "not defined"),
    ],
)
def test_numbers_are_written_for_reading(value: float, shown: str):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.95, "95"), (0.975, "97.5"), (0.995, "99.5"), (0.8, "80"), (0.0304, "3.04"), (0, "0"), (1, "100")],
)
def test_a_share_is_not_rounded_to_whole_percents(share: float, shown: str):
    assert words.percent(share) == f"{shown}\u00a0%"


def test_hostile_names_lose_their_markdown():
    hostile = "![x](http://evil/x.png) <b> :red[a] $x$ [link](http://evil)\n# head"
    shown = words.plain(hostile)
    for mark in "![(<:$#":
        assert mark not in shown.replace(f"\\{mark}", "")
    assert "\n" not in shown


def test_every_verdict_has_a_symbol_words_and_a_colour():
    from dashboard.theme import VERDICT_COLOUR

    assert set(words.SYMBOL) == set(words.HEADLINE) == set(words.ADVICE) == set(VERDICT_COLOUR)
    assert len(set(words.SYMBOL.values())) == len(set(VERDICT_COLOUR.values())) == 3


def test_no_sentence_diagnoses_or_speaks_of_ai():
    spoken = " ".join([*words.HEADLINE.values(), *words.ADVICE.values(), words.DIMMED]).lower()
    assert not any(word in spoken.split() for word in ("ai", "anomaly", "disease", "diagnosis", "healthy", "abnormal"))
