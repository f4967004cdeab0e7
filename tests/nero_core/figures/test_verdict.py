"""The verdict as a figure: where the score lies, and the terms that make it."""

from dataclasses import replace

import pytest
import torch

from nero_core.figures import verdict_figure
from nero_core.figures.score_axis import MARGIN
from nero_core.figures.style import ID, OOD
from nero_core.types import Detection, ReferenceScores
from tests.nero_core.figures.figure_text import colour, overlaps, plot, text_of

NAMES = ("normal-cecum", "normal-pylorus", "normal-z-line")
TERMS = {"distance": 0.5, "bias": 2.0, "scale": 0.3}
SCORES = ReferenceScores(
    "nero", torch.linspace(0, 1, 120).double(), torch.arange(120) % 3, None, None, threshold=0.6, tpr=0.95
)


def detection(score: float, **terms: float) -> Detection:
    return Detection(
        "nero" if terms else "knn", torch.tensor([score]).double(), 0.6, torch.tensor([score > 0.6]),
        torch.tensor([0.01]).double(), torch.tensor([1]), torch.tensor([0.9]).double(), 120, 0.95,
        {name: torch.tensor([value]).double() for name, value in terms.items()},
    )  # fmt: skip


def test_the_terms_of_nero_are_bars_and_make_the_score():
    figure = verdict_figure(detection(0.75, **TERMS), SCORES, NAMES, 2)
    assert [bar.get_width() for bar in plot(figure).patches] == pytest.approx([0.5, 2.0, 0.75])
    text = text_of(figure)
    assert "NERO score 0.750, above the threshold 0.600; p = 0.0100; predicted normal-pylorus (90.0 %)" in text
    assert "(distance 0.500 + bias term 2.00) × scale 0.300 = score 0.750" in text
    assert "distance to normal-z-line" in text
    assert overlaps(figure) == []


def test_the_scale_wears_the_colours_of_the_screen():
    patches = verdict_figure(detection(0.2), SCORES, NAMES, 0).axes[0].patches
    below, above, _ = [patch for patch in patches if not hasattr(patch, "center")]
    assert (colour(below), colour(above)) == (ID, OOD)


@pytest.mark.parametrize(
    ("score", "p", "headline"),
    [
        (0.2, 0.3, "Like the reference images knn score"),
        (0.5, 0.071, "Borderline knn score"),
        (0.7, 0.01, "Unlike the reference images knn score"),
    ],
)
def test_the_verdict_comes_first_in_the_words_of_the_screen(score: float, p: float, headline: str):
    verdict = replace(detection(score), p_value=torch.tensor([p]).double())
    figure = verdict_figure(verdict, SCORES, NAMES, 0)
    assert text_of(figure).startswith(headline)
    assert overlaps(figure) == []


def test_another_method_has_its_scale_alone():
    figure = verdict_figure(detection(0.2), SCORES, NAMES, 0)
    assert len(figure.axes) == 1
    text = text_of(figure)
    assert "knn score 0.200, at or below the threshold 0.600" in text
    assert "bias" not in text
    assert overlaps(figure) == []


@pytest.mark.parametrize(("score", "beyond"), [(0.0, False), (0.6, False), (50.0, True)])
def test_the_dot_stands_on_the_scale_at_the_score(score: float, beyond: bool):
    figure = verdict_figure(detection(score), SCORES, NAMES, 0)
    (dot,) = [patch for patch in figure.axes[0].patches if hasattr(patch, "center")]
    below, above, tick = [patch for patch in figure.axes[0].patches if not hasattr(patch, "center")]
    left, right = below.get_x(), above.get_x() + above.get_width()
    margin = MARGIN / (1 + 2 * MARGIN) * (right - left)  # the lowest score does not lie on the very end
    expected = {0.0: left + margin, 0.6: tick.get_x() + tick.get_width() / 2, 50.0: right}[score]
    assert dot.center[0] == pytest.approx(expected, abs=1e-6)
    assert ("off the scale" in text_of(figure)) == beyond
    assert overlaps(figure) == []
