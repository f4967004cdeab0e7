"""The page with a reference set that can test twice, which is what a stranger gets."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import words
from nero_core import BenchmarkResult
from nero_core.benchmark import add_comparison
from tests.dashboard.material import asked, html, no_traceback


@pytest.fixture
def two_tests(
    app: Callable[..., AppTest], verdict_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AppTest]:
    monkeypatch.setenv("NERO_BUNDLES", str(verdict_bundle))
    return app


def test_the_card_says_what_each_test_says_and_neros_score_is_one_click_away(two_tests: Callable[..., AppTest]):
    running = two_tests(sample="polyps")
    no_traceback(running)
    shown = html(running)
    assert "<dt>NERO</dt><dd>p " in shown and "<dt>NERO, all depths</dt><dd>p " in shown
    assert any(box.label == "NERO's own score, taken apart" for box in running.expander)
    assert "distance +" in shown and "= score" in shown


def test_the_scores_of_both_tests_can_be_looked_at(two_tests: Callable[..., AppTest]):
    running = two_tests(sample="polyps")
    (tests,) = [choice for choice in running.segmented_control if choice.label == "Scores of"]
    titles = {running.get("plotly_chart")[0].proto.config}
    other = next(option for option in ("nero", "nero_deep") if option != tests.value)
    tests.set_value(other).run()
    no_traceback(running)
    titles.add(running.get("plotly_chart")[0].proto.config)
    assert len(titles) == 2  # the file that a download writes is named after the test


def test_a_single_method_is_what_was_asked_for(two_tests: Callable[..., AppTest]):
    running = two_tests(sample="polyps", method="nero")
    assert "The score taken apart" in html(running)
    assert not any(choice.label == "Scores of" for choice in running.segmented_control)
    assert asked(running, "method") == "nero"


def test_a_small_reference_set_says_why_one_test_stands_in(app: Callable[..., AppTest]):
    running = app(sample="polyps")
    no_traceback(running)
    assert any("at least 59 calibration images" in caption.value for caption in running.caption)
    assert "<dt>NERO, all depths</dt>" not in html(running)


def test_a_share_that_needs_more_images_for_two_tests_says_so_and_one_test_stands_in(two_tests: Callable[..., AppTest]):
    running = two_tests(sample="polyps", accept="98")
    no_traceback(running)
    assert not running.error
    assert any("at least 149 calibration images" in caption.value for caption in running.caption)


def test_the_card_says_which_method_served_this_reference_set_best(
    app: Callable[..., AppTest],
    wide_bundle: Path,
    comparison: BenchmarkResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    bundle = Path(shutil.copytree(wide_bundle, tmp_path / "compared"))
    add_comparison(bundle, comparison, device="cpu")
    monkeypatch.setenv("NERO_BUNDLES", str(bundle))
    best = comparison.methods[0]
    clearly_worse = [each for each in comparison.methods if each.pooled.auroc.high < best.pooled.auroc.value]
    for method, is_said in ((clearly_worse[-1].method, True), (best.method, False)):
        running = app(sample="polyps", method=method)
        no_traceback(running)
        captions = [caption.value.replace("\\", "") for caption in running.caption]
        said = [text for text in captions if f"own OOD images, {words.method(best.method)} serves best" in text]
        assert len(said) == is_said
