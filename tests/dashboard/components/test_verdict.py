from types import MappingProxyType

import pytest
import torch
from streamlit.testing.v1 import AppTest

from nero_core.types import Detection, Verdict
from tests.dashboard.material import html


def page(score: float, p_value: float) -> None:
    """Runs inside AppTest, which takes the source of this function alone."""
    import torch

    from dashboard.components.verdict import verdict_card
    from nero_core.types import Detection, ReferenceScores

    unit = torch.tensor([1.0]).double()
    terms = {"distance": 3 * unit, "bias": unit, "scale": 0.25 * unit * score, "nearest": torch.tensor([1])}
    detection = Detection(
        "nero", score * unit, 3.0, score * unit > 3.0, p_value * unit, torch.tensor([0]), 0.98 * unit, 300, 0.95, terms
    )
    bank = torch.linspace(0, 4, 300).double()
    scores = ReferenceScores("nero", bank, torch.zeros(300, dtype=torch.int64), None, None, 3.0, 0.95)
    verdict_card(detection, scores, ("normal-cecum", "<b>pylorus"), 1)


@pytest.mark.parametrize(
    ("score", "p_value", "symbol", "headline"),
    [
        (1.0, 0.5, "●", "Like the reference images"),
        (2.9, 0.08, "▲", "Borderline"),
        (5.0, 1 / 301, "◆", "Unlike the reference images"),
    ],
)
def test_the_verdict_is_words_and_a_symbol(score: float, p_value: float, symbol: str, headline: str):
    running = AppTest.from_function(page, kwargs={"score": score, "p_value": p_value}).run()
    assert not running.exception
    shown = html(running)
    assert symbol in shown
    assert f"<h2>{headline}</h2>" in shown
    assert ("Have it looked at." in shown) == (headline.startswith("Unlike"))
    assert ("class=dimmed" in shown) == ("Grey because" in shown) == headline.startswith("Unlike")
    assert "&lt;b&gt;pylorus" in shown
    assert "<b>pylorus" not in shown


def test_the_score_taken_apart_adds_up_to_the_score():
    from dashboard.components.verdict import score_apart

    unit = torch.tensor([1.0]).double()
    terms = MappingProxyType({"distance": 10.2 * unit, "bias": 0.8 * unit, "scale": 0.5 * unit})
    detection = Detection("nero", 5.5 * unit, 3.0, unit > 0, unit, torch.tensor([0]), unit, 300, 0.95, terms)
    assert "(10.2 distance + 0.800 bias) × 0.500 scale = score 5.50" in score_apart(detection, "normal-cecum", 0)


def test_every_verdict_of_the_record_has_words():
    from typing import get_args

    from dashboard.words import HEADLINE

    assert set(get_args(Verdict)) == set(HEADLINE)
