from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from streamlit.testing.v1 import AppTest

from dashboard import resources, words
from dashboard.components.verdict import headline
from nero_core import Inspector
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


def rejected(early: float) -> Detection:
    """An image that the verdict rejects, and its earliest stage at this p-value."""
    unit = torch.tensor([1.0]).double()
    terms = MappingProxyType({"p_early": early * unit})
    return Detection("verdict", 5 * unit, 3.0, unit > 0, 0.01 * unit, torch.tensor([0]), unit, 300, 0.95, terms)


@pytest.mark.parametrize(
    ("early", "unlike", "is_said"),
    [(0.01, 1.0, True), (0.01, 0.9, True), (0.01, 0.89, False), (0.02, 1.0, False)],
    ids=["unlike all over", "half of it", "a part of it", "early stages find it usual"],
)
def test_another_kind_of_picture_is_what_is_unlike_early_and_for_the_most_part(
    early: float, unlike: float, is_said: bool
):
    assert rejected(early).is_foreign(0, unlike) == is_said
    assert (words.FOREIGN in headline(rejected(early), 0, unlike=unlike)) == is_said


def test_how_much_is_unlike_is_asked_where_the_first_stages_reject_and_the_reference_set_knows_it(
    patched_bundle: Path, wide_bundle: Path, phantoms: Path
):
    file = sorted((phantoms / "ood").rglob("*.jpg"))[0]
    item = resources.source("k", file.name, file.read_bytes())
    with_patches, without = (Inspector.load(bundle, "cpu") for bundle in (patched_bundle, wide_bundle))
    share = with_patches.unlikeness(with_patches.decode([file])).share
    assert resources.share_unlike(with_patches, item, rejected(0.01)) == share != 1
    assert resources.share_unlike(with_patches, item, rejected(0.5)) == 1
    assert resources.share_unlike(without, item, rejected(0.01)) == 1


def test_every_verdict_of_the_record_has_words():
    from typing import get_args

    from dashboard.words import HEADLINE

    assert set(get_args(Verdict)) == set(HEADLINE)
