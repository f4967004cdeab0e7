"""The tpr, which two pages share: the URL holds it and the slider follows."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.options import like_choices, tpr_choices
from tests.dashboard.material import asked, html, no_traceback
from tests.dashboard.pages.compare.test_page import PAGE

Start = Callable[..., AppTest]


def test_the_tpr_of_one_page_is_that_of_the_other_and_the_url_names_it(app: Start):
    running = app(sample="polyps", accept="92")
    assert running.select_slider(key="accept").value == 0.92
    running.select_slider(key="accept").set_value(0.93).run()
    assert asked(running, "accept") == "93"
    running.switch_page(PAGE).run()
    no_traceback(running)
    assert running.select_slider(key="accept").value == 0.93
    running.select_slider(key="accept").set_value(0.95).run()
    assert "accept" not in running.query_params  # the reference set's own
    links = [link.proto.query_string for link in running.get("page_link")]
    assert links
    assert not any("accept" in link for link in links)


def test_a_tpr_that_is_not_offered_is_said_on_the_page_and_goes(app: Start):
    running = app(sample="polyps", accept="150")
    no_traceback(running)
    assert [warning.value for warning in running.main.warning] == [
        "The link's share of images that should pass 150 is not available here; this is 95."
    ]
    assert running.select_slider(key="accept").value == 0.95
    assert "accept" not in running.query_params


def test_another_reference_set_leaves_the_tpr_behind(
    app: Start, wide_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_BUNDLE", str(shutil.copytree(wide_bundle, tmp_path / "other")))
    running = app(sample="polyps", bundle=wide_bundle.name, accept="92")
    assert running.select_slider(key="accept").value == 0.92
    running.selectbox(key="bundle").set_value("other").run()
    no_traceback(running)
    assert "accept" not in running.query_params
    assert running.select_slider(key="accept").value == 0.95


def test_the_second_rate_and_the_class_are_in_the_url_and_the_card_answers_by_them(app: Start):
    running = app(sample="polyps", like="60", within_class="true")
    no_traceback(running)
    assert running.select_slider(key="like").value == 0.6
    assert " calibration images that the classifier calls normal-" in html(running)
    links = [link.proto.query_string for link in running.get("page_link")]
    assert links and all("like=60" in link and "within_class=true" in link for link in links)
    running.toggle(key="within_class").set_value(False).run()
    assert "that the classifier calls" not in html(running)
    running.select_slider(key="like").set_value(0.9).run()
    assert "like" not in running.query_params  # the usual one
    running.select_slider(key="accept").set_value(0.92).run()
    no_traceback(running)
    assert running.select_slider(key="like").value == 0.84


def test_the_second_rate_is_at_most_the_first():
    assert like_choices(0.92) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.84, 0.85, 0.9, 0.92]
    assert like_choices(0.5) == [0.0, 0.5]


def test_few_calibration_images_offer_only_what_they_can_tell():
    assert tpr_choices(0.95, 300)[-1] == 0.99
    assert tpr_choices(0.95, 21) == [0.90, 0.91, 0.92, 0.93, 0.94, 0.95]
    assert tpr_choices(0.5, 1) == [0.5]
