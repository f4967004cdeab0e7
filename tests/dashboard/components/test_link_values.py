"""What a link asks of the widgets in vain is a sentence beside them, with what is shown instead."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.link_values import choices, numbers, switch
from nero_core import BenchmarkResult
from tests.dashboard.material import no_traceback, until

Start = Callable[..., AppTest]
STEP = {"part": "Step by step"}
PERTURB = {"part": "Perturb and watch"}


@pytest.fixture(autouse=True)
def compared(monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult) -> None:
    """The reference set keeps how all methods do, and the page shows it at once."""
    monkeypatch.setattr("dashboard.resources.verdicts.read_stored", lambda bundle: comparison)


def opened(app: Start, page: str, **query: str) -> AppTest:
    running = app(page, **query)
    no_traceback(running)
    return running


def warnings_of(running: AppTest) -> list[str]:
    return [warning.value.replace("\\", "") for warning in running.warning if "The link's" in warning.value]


@pytest.mark.parametrize(
    ("page", "query", "asked"),
    [
        (
            "screen",
            {},
            {
                "method": ("nonesuch", "verdict"),
                "accept": ("150", "95"),
                "order": ("size", "contribution"),
                "concepts": ("99", "8"),
                "large_type": ("maybe", "off"),
            },
        ),
        ("screen", {}, {"concepts": ("5.5", "8")}),
        ("screen", {}, {"concepts": ("many", "8")}),
        (
            "screen",
            {"sample": "polyps"},
            {
                "view": ("x-ray", "image"),
                "span": ("2", "off"),
                "sort": ("colour", "contribution"),
                "classes": ("no-class", "none is chosen"),
                "channel": ("9999", "none is chosen"),
                "by_class": ("3", "off"),
                "whatif": ("if", "off"),
            },
        ),
        (
            "screen",
            {"sample": "polyps", "view": "heatmap"},
            {"opacity": ("-1", "70"), "faithfulness": ("perhaps", "off")},
        ),
        (
            "screen",
            {"sample": "polyps", "whatif": "true"},
            {
                "whatif_k": ("0", ""),
                "whatif_components": ("nan", ""),
                "whatif_epsilon": ("7", "1e-06"),
                "whatif_norm": ("3", "1"),
                "whatif_accept": ("12", "95"),
            },
        ),
        ("compare", {}, {"accept": ("abc", "95"), "methods": ("nonesuch", "")}),
        (
            "explorer",
            {},
            {
                "look": ("inside", "channels"),
                "grid_sort": ("colour", "mean relevance"),
                "grid_class": ("no-class", "all classes"),
                "grid_page": ("99", "1"),
            },
        ),
        ("explorer", {}, {"grid_sort": ("this image", "mean relevance"), "grid_page": ("0", "1")}),
        ("explorer", {}, {"grid_page": ("two", "1")}),
        ("explorer", {"look": "image map"}, {"map": ("t-SNE", "PCA")}),
        ("learn", {}, {"part": ("Exam", "Step by step")}),
        ("learn", STEP, {"step": ("Magic", "features")}),
        ("learn", STEP | {"step": "features"}, {"lesson_channel": ("9999", "")}),
        ("learn", STEP | {"step": "logits"}, {"lesson_class": ("no-class", "")}),
        ("learn", STEP | {"step": "relevance"}, {"lesson_epsilon": ("-3", "1e-06")}),
        ("learn", STEP | {"step": "centroid"}, {"lesson_centroid": ("no-class", "")}),
        ("learn", STEP | {"step": "distance"}, {"lesson_components": ("100000", "")}),
        ("learn", STEP | {"step": "scale"}, {"lesson_k": ("0", "")}),
        ("learn", STEP | {"step": "verdict"}, {"lesson_accept": ("95.123", "95")}),
        (
            "learn",
            PERTURB,
            {
                "perturb_blur": ("1000", "0"),
                "perturb_hue": ("red", "0"),
                "occluded_left": ("101", "0"),
                "fill": ("pink", ""),
                "lesion": ("wart", ""),
            },
        ),
        ("learn", PERTURB | {"lesion": "polyps"}, {"lesion_size": ("2", "40")}),
        ("learn", {"part": "Quiz"}, {"quiz": ("10000", "1")}),
        ("learn", {"part": "Quiz"}, {"quiz": ("-1", "1")}),
    ],
)
def test_what_is_not_offered_is_a_sentence_with_what_is_shown(
    app: Start, page: str, query: dict[str, str], asked: dict[str, tuple[str, str]]
):
    running = opened(app, page, **query, **{key: value for key, (value, _) in asked.items()})
    sentences = warnings_of(running)
    assert len(sentences) == len(asked)
    for value, shown in asked.values():
        (sentence,) = [text for text in sentences if f" {value} is not available here" in text]
        assert sentence.endswith(f"{shown}.")
        assert sentence.startswith("The link's ")


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("screen", {"method": "msp", "accept": "93", "order": "relevance", "concepts": "5", "large_type": "TRUE"}),
        ("screen", {"sample": "polyps", "view": "heatmap", "opacity": "33", "span": "true", "sort": "channel"}),
        (
            "screen",
            {"sample": "polyps", "whatif": "true", "whatif_k": "20", "whatif_epsilon": "0", "whatif_accept": "93"},
        ),
        ("compare", {"accept": "90"}),
        ("explorer", {"grid_page": "3", "grid_sort": "class selectivity"}),
        ("learn", {"part": "Quiz", "quiz": "9999"}),
        ("learn", PERTURB | {"perturb_blur": "2", "lesion": "polyps", "lesion_size": "5"}),
        ("learn", {"quiz": ""}),
    ],
)
def test_what_is_offered_is_taken_without_a_word(app: Start, page: str, query: dict[str, str]):
    assert warnings_of(opened(app, page, **query)) == []


@pytest.mark.parametrize("key", ["order", "sort"])
def test_a_link_from_before_that_says_share_means_contribution(app: Start, key: str):
    fresh, later = app(sample="polyps", **{key: "share"}), opened(app, "screen", sample="polyps", **{key: "share"})
    for running in (fresh, later):
        no_traceback(running)
        assert warnings_of(running) == []
        assert running.segmented_control(key=key).value == "contribution"


def test_more_methods_than_can_be_drawn_are_a_sentence(app: Start, comparison: BenchmarkResult):
    running = app("compare", methods=[method.method for method in comparison.methods][:9])
    until(running, lambda: running.dataframe)
    assert len(running.multiselect(key="methods").value) <= 6
    assert len(warnings_of(running)) == 1


def test_the_sentence_stays_until_somebody_moves_the_widget(app: Start):
    running = opened(app, "explorer", grid_page="99", look="channels")
    assert len(warnings_of(running.run())) == 1
    running.number_input(key="grid_page").set_value(2).run()
    assert warnings_of(running) == []
    running.number_input(key="grid_page").set_value(1).run()
    assert warnings_of(running) == []


def test_a_page_that_a_filter_takes_away_is_no_fault_of_the_link(app: Start):
    running = opened(app, "explorer", grid_page="10")
    assert warnings_of(running) == []
    running.selectbox(key="grid_class").select_index(1).run()
    no_traceback(running)
    assert warnings_of(running) == []


def test_a_hostile_value_is_shown_as_text(app: Start):
    running = opened(app, "explorer", look="![x](https://example.org/x.png)<b>")
    (sentence,) = [warning.value for warning in running.warning]
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
    offer = choices("share of images that should pass", {"95": 0.95, "97.5": 0.975})
    assert (offer.says(0.975), offer.says([0.95, 0.975]), offer.says(None)) == ("97.5", "95 and 97.5", "")
    assert choices("share of images that should pass", {"50": 0.5}).says(None) == "50"
    assert (switch("x").has("True"), switch("x").has("1"), switch("x").says(True)) == (True, False, "on")
