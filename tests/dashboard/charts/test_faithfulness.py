import math
from dataclasses import replace

import pytest
import torch

from dashboard import words
from dashboard.charts import faithfulness_plot, faithfulness_table
from dashboard.theme import DARK, LIGHT
from nero_core.types import BlockConservation as Block
from nero_core.types import Channels, Explanation, Faithfulness, FlippingCurves, Imputation, LogitPath, Output

STEPS = 15


def curves(area: float) -> FlippingCurves:
    """Insertion above deletion by ``area`` at every step but the shared ends."""
    low = torch.full((STEPS,), 0.4, dtype=torch.float64)
    deletion, insertion = low - area / 2, low + area / 2
    deletion[0] = insertion[-1] = 0.9
    deletion[-1] = insertion[0] = 0.2
    return FlippingCurves(deletion, insertion)


def figures(gain: float = 0.3, gradient: float = 0.1, spread: float = 0.05) -> Faithfulness:
    return Faithfulness(
        explained_class=1,
        composite="epsilon_plus",
        share=torch.linspace(0, 1, STEPS, dtype=torch.float64),
        heatmap=curves(gain),
        gradient=curves(gradient),
        random=curves(0),
        spread=spread,
        margin=max(2 * spread, 0.02),
        permutations=5,
        seed=0,
    )


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_three_orders_twice_told_apart_by_dash_and_named_once(theme):
    figure = faithfulness_plot(figures(), theme)
    assert len(figure.data) == 6
    assert [trace.name for trace in figure.data if trace.showlegend] == ["chance", "plain gradient", "heatmap"]
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert figure.data[-1].line.color == theme.text
    assert all(trace.x[0] == 0 and trace.x[-1] == 100 for trace in figure.data)
    assert list(figure.data[4].y) == figures().heatmap.deletion.tolist()
    assert list(figure.data[5].y) == figures().heatmap.insertion.tolist()
    assert figure.layout.yaxis.title.text == "probability"


def test_the_table_has_all_points():
    table = faithfulness_table(figures())
    assert len(table) == 7
    assert {len(column) for column in table.values()} == {STEPS}
    assert table["heatmap, restoring"] == figures().heatmap.insertion.tolist()


@pytest.mark.parametrize(
    ("given", "starts", "holds"),
    [
        (figures(), "Faithful here", "plain gradient: 0.0"),
        (figures(gain=0.05), "Weak: the map's order of the parts of this image is not clearly better", "0 ± 0.050"),
        (figures(gain=-0.4), "Weak: blurring what the map calls relevant helps polyps", "Gain −0.3"),
        (figures(gain=0.2, gradient=0.4), "Faithful here", "The plain gradient does better."),
    ],
)
def test_faithfulness_in_words(given: Faithfulness, starts: str, holds: str):
    sentence = words.faithfulness(given, "polyps")
    assert sentence.startswith(starts)
    assert holds in sentence
    assert "says little" not in sentence


def test_a_probability_that_outlives_the_image_is_said():
    flat = FlippingCurves(torch.full((STEPS,), 0.97), torch.full((STEPS,), 0.97))
    given = Faithfulness(0, "it", torch.linspace(0, 1, STEPS), flat, flat, flat, 0.001, 0.02, 5, 0)
    assert "says little here: even with the whole image blurred the probability is 0.97" in words.faithfulness(
        given, "polyps"
    )


def test_where_relevance_goes_in_words():
    assert words.lost((Block("layer4", 0.9, 0.0, 1.0), Block("pixels", 0.9, 0.0, 1.0))).startswith("All of it")
    assert words.lost((Block("layer4", 0.9, 0.0, 1.0), Block("pixels", 0.3, 0.6, 1.0))) == (
        "Biases take 66.7\u00a0% of it on the way; the rest reaches the pixels."
    )
    assert words.lost((Block("pixels", 1.2, -0.3, 1.0),)).startswith("Biases add 33.3\u00a0%")
    assert "does not conserve" in words.lost((Block("pixels", -1.4, 0.0, -1.5),))
    assert words.lost((Block("pixels", 0.0, 0.0, float("nan")),)) == "No relevance here."


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (1.0, "Check: the map accounts for the whole score (1.00 of 1)."),
        (0.97, "Check: the map accounts for the whole score (0.97 of 1)."),
        (0.94, "Check: the map accounts for a part of the score (0.94 of 1)."),
        (-0.004, "Check: the map accounts for a part of the score (0.00 of 1)."),
        (1.42, "Beware: the map does not add up to the score (1.42 of 1)."),
        (-1.48, "Beware: the map does not add up to the score (−1.48 of 1)."),
    ],
)
def test_a_map_says_how_much_of_the_score_it_accounts_for(value: float, says: str):
    assert words.conservation(value) == says


def test_the_logit_and_the_other_imputation_are_said_beside_the_probability():
    def other(output: Output, imputation: Imputation, gain: float) -> Faithfulness:
        return replace(figures(gain), output=output, imputation=imputation)

    measured = replace(
        figures(),
        others=(other("logit", "blur", 1.9), other("probability", "linear", 0.01), other("logit", "linear", 2.0)),
    )
    assert words.faithfulness_otherwise(measured) == (
        "By the logit, which never saturates: faithful (gain 1.8, random orders 0 ± 0.050). With patches filled in "
        "from what is around them instead of blurred: weak (gain 0.0093, random orders 0 ± 0.050) by the probability, "
        "faithful (gain 1.9, random orders 0 ± 0.050) by the logit."
    )
    assert words.faithfulness_otherwise(figures()) == ""


@pytest.mark.parametrize(
    ("conservation", "cancellation", "path", "says"),
    [
        (
            1.02, 2.0, LogitPath(5.0, 8.0),
            ("Check: the map adds up to what the detail of the image adds to the logit (3.06 of 3.00). What the "
            "blurred image has without it, a logit of 5.00, has no place in the map."),
        ),
        (
            1.0, 4.0, LogitPath(2.0, 1.0),
            ("Check: the map adds up to what the detail of the image takes from the logit (−1.00 of −1.00). What the "
            "blurred image has without it, a logit of 2.00, has no place in the map. Positive and negative parts "
            "mostly cancel: together they are 4.0 times the whole."),
        ),
        (
            0.5, 2.0, LogitPath(-1.0, 1.0),
            ("Beware: the map adds up to 1.00, and the detail of the image adds to the logit 2.00. What the blurred "
            "image has without it, a logit of −1.00, has no place in the map."),
        ),
        (math.nan, math.nan, LogitPath(1.0, 1.0), "Nothing to show: no relevance here."),
        (0.97, 1.2, None, "Check: the map accounts for the whole score (0.97 of 1)."),
    ],
)  # fmt: skip
def test_a_class_heatmap_says_what_it_adds_up_to(
    conservation: float, cancellation: float, path: LogitPath | None, says: str
):
    empty = torch.zeros(2, 2)
    none = Channels(torch.zeros(1), torch.zeros(1, 1), 0, torch.zeros(1))
    why = Explanation(
        "0", empty, 0, conservation, none, (), empty, 1.0, 1.0, cancellation=cancellation, sigma=0.0, path=path
    )
    assert words.heatmap_conservation(why) == says
