"""What a link asks of the widgets in vain is a sentence beside them, with what is shown instead."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.link_values import choices, numbers, switch
from nero_core import BenchmarkResult
from tests.dashboard.material import no_traceback, until

Start = Callable[..., AppTest]
SCREEN, COMPARE, EXPLORER, LEARN = (f"pages/{name}/page.py" for name in ("screen", "compare", "explorer", "learn"))
STEP = {"part": "Seven steps"}
PERTURB = {"part": "Perturb and watch"}


@pytest.fixture(autouse=True)
def compared(monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult) -> None:
    """All methods are compared once for all of these tests."""
    monkeypatch.setattr("dashboard.resources.long_works.compare_banks", lambda *_, **__: comparison)


def opened(app: Start, page: str, **query: str) -> AppTest:
    running = app()
    for name, value in query.items():
        running.query_params[name] = value
    running.switch_page(page).run()
    no_traceback(running)
    return running


def said(running: AppTest) -> list[str]:
    return [one.value.replace("\\", "") for one in running.warning if "The link's" in one.value]


@pytest.mark.parametrize(
    ("page", "query", "key", "value", "shown"),
    [
        (SCREEN, {}, "method", "nonesuch", "nero"),
        (SCREEN, {}, "accept", "150", "95"),
        (SCREEN, {}, "order", "size", "share"),
        (SCREEN, {}, "concepts", "99", "8"),
        (SCREEN, {}, "concepts", "5.5", "8"),
        (SCREEN, {}, "concepts", "many", "8"),
        (SCREEN, {}, "large_type", "maybe", "off"),
        (SCREEN, {"sample": "polyps"}, "view", "x-ray", "image"),
        (SCREEN, {"sample": "polyps", "view": "heatmap"}, "opacity", "-1", "70"),
        (SCREEN, {"sample": "polyps", "view": "heatmap"}, "faithfulness", "perhaps", "off"),
        (SCREEN, {"sample": "polyps"}, "span", "2", "off"),
        (SCREEN, {"sample": "polyps"}, "sort", "colour", "share"),
        (SCREEN, {"sample": "polyps"}, "classes", "no-class", "none is chosen"),
        (SCREEN, {"sample": "polyps"}, "channel", "9999", "none is chosen"),
        (SCREEN, {"sample": "polyps"}, "by_class", "3", "off"),
        (SCREEN, {"sample": "polyps"}, "whatif", "if", "off"),
        (SCREEN, {"sample": "polyps", "whatif": "true"}, "whatif_k", "0", ""),
        (SCREEN, {"sample": "polyps", "whatif": "true"}, "whatif_components", "nan", ""),
        (SCREEN, {"sample": "polyps", "whatif": "true"}, "whatif_epsilon", "7", "1e-06"),
        (SCREEN, {"sample": "polyps", "whatif": "true"}, "whatif_norm", "3", "1"),
        (SCREEN, {"sample": "polyps", "whatif": "true"}, "whatif_accept", "12", "95"),
        (COMPARE, {}, "accept", "abc", "95"),
        (COMPARE, {}, "methods", "nonesuch", ""),
        (EXPLORER, {}, "look", "inside", "channels"),
        (EXPLORER, {}, "grid_sort", "colour", "mean relevance"),
        (EXPLORER, {}, "grid_sort", "this image", "mean relevance"),
        (EXPLORER, {}, "grid_class", "no-class", "all classes"),
        (EXPLORER, {}, "grid_page", "99", "1"),
        (EXPLORER, {}, "grid_page", "0", "1"),
        (EXPLORER, {}, "grid_page", "two", "1"),
        (EXPLORER, {"look": "image map"}, "map", "t-SNE", "PCA"),
        (LEARN, {}, "part", "Exam", "Seven steps"),
        (LEARN, STEP, "step", "Magic", "features"),
        (LEARN, STEP | {"step": "features"}, "lesson_channel", "9999", ""),
        (LEARN, STEP | {"step": "logits"}, "lesson_class", "no-class", ""),
        (LEARN, STEP | {"step": "relevance"}, "lesson_epsilon", "-3", "1e-06"),
        (LEARN, STEP | {"step": "centroid"}, "lesson_centroid", "no-class", ""),
        (LEARN, STEP | {"step": "distance"}, "lesson_components", "100000", ""),
        (LEARN, STEP | {"step": "scale"}, "lesson_k", "0", ""),
        (LEARN, STEP | {"step": "verdict"}, "lesson_accept", "95.123", "95"),
        (LEARN, PERTURB, "perturb_blur", "1000", "0"),
        (LEARN, PERTURB, "perturb_hue", "red", "0"),
        (LEARN, PERTURB, "occluded_left", "101", "0"),
        (LEARN, PERTURB, "fill", "pink", ""),
        (LEARN, PERTURB, "lesion", "wart", ""),
        (LEARN, PERTURB | {"lesion": "polyps"}, "lesion_size", "2", "40"),
        (LEARN, {"part": "Quiz"}, "quiz", "10000", "1"),
        (LEARN, {"part": "Quiz"}, "quiz", "-1", "1"),
    ],
)
def test_what_is_not_offered_is_a_sentence_with_what_is_shown(
    app: Start, page: str, query: dict[str, str], key: str, value: str, shown: str
):
    running = opened(app, page, **query, **{key: value})
    (sentence,) = said(running)
    assert f" {value} is not available here" in sentence
    assert sentence.endswith(f"{shown}.")
    assert sentence.startswith("The link's ")


@pytest.mark.parametrize(
    ("page", "query"),
    [
        (SCREEN, {"method": "msp", "accept": "93", "order": "relevance", "concepts": "5", "large_type": "TRUE"}),
        (SCREEN, {"sample": "polyps", "view": "heatmap", "opacity": "33", "span": "true", "sort": "channel"}),
        (
            SCREEN,
            {"sample": "polyps", "whatif": "true", "whatif_k": "20", "whatif_epsilon": "0", "whatif_accept": "93"},
        ),
        (COMPARE, {"accept": "90"}),
        (EXPLORER, {"grid_page": "3", "grid_sort": "class selectivity"}),
        (LEARN, {"part": "Quiz", "quiz": "9999"}),
        (LEARN, PERTURB | {"perturb_blur": "2", "lesion": "polyps", "lesion_size": "5"}),
        (LEARN, {"quiz": ""}),
    ],
)
def test_what_is_offered_is_taken_without_a_word(app: Start, page: str, query: dict[str, str]):
    assert said(opened(app, page, **query)) == []


def test_more_methods_than_can_be_drawn_are_a_sentence(app: Start, comparison: BenchmarkResult):
    running = app()
    running.query_params["methods"] = [one.method for one in comparison.methods][:9]
    running.switch_page(COMPARE).run()
    until(running, lambda: running.dataframe)
    assert len(running.multiselect(key="methods").value) <= 6
    assert len(said(running)) == 1


def test_the_sentence_stays_until_somebody_moves_the_widget(app: Start):
    running = opened(app, EXPLORER, grid_page="99", look="channels")
    assert len(said(running.run())) == 1
    running.number_input(key="grid_page").set_value(2).run()
    assert said(running) == []
    running.number_input(key="grid_page").set_value(1).run()
    assert said(running) == []


def test_a_page_that_a_filter_takes_away_is_no_fault_of_the_link(app: Start):
    running = opened(app, EXPLORER, grid_page="10")
    assert said(running) == []
    running.selectbox(key="grid_class").select_index(1).run()
    no_traceback(running)
    assert said(running) == []


def test_a_hostile_value_is_shown_as_text(app: Start):
    running = opened(app, EXPLORER, look="![x](https://example.org/x.png)<b>")
    (sentence,) = [one.value for one in running.warning]
    assert r"\!\[x\]\(https" in sentence
    assert r"\<b\>" in sentence or "<b" not in sentence


def test_a_number_is_taken_as_the_sliders_take_it():
    whole, broken = numbers("k", 1, 9), numbers("strength", 0.0, 1.5)
    assert [text for text in ("1", "9", "3.0", "2.5", "10", "0", "x", "inf", "nan", "") if whole.has(text)] == [
        "1",
        "9",
        "3.0",
    ]
    assert [text for text in ("0", "1.25", "2", "-1") if broken.has(text)] == ["0", "1.25"]
    assert (whole.says(4), whole.says(None), broken.says(0.5)) == ("4", "", "0.5")


def test_choices_say_what_stands_for_what_is_held():
    offer = choices("acceptance", {"95": 0.95, "97.5": 0.975})
    assert (offer.says(0.975), offer.says([0.95, 0.975]), offer.says(None)) == ("97.5", "95 and 97.5", "")
    assert choices("acceptance", {"50": 0.5}).says(None) == "50"
    assert (switch("x").has("True"), switch("x").has("1"), switch("x").says(True)) == (True, False, "on")
