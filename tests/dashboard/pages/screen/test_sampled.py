"""The page with a reference set that keeps a sample of what it was fitted on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import words
from nero_core import Inspector
from tests.dashboard.material import html, no_traceback


def test_an_image_is_scored_by_the_fit_on_all_images_and_the_page_says_so(
    app: Callable[..., AppTest], sampled_bundles: Path, sample_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_BUNDLES", str(sampled_bundles / "sampled"))
    running = app(sample="polyps", method="nero")
    no_traceback(running)
    assert any("are fitted on all 198 fit images" in caption.value for caption in running.caption)
    whole = Inspector.load(sampled_bundles / "whole", "cpu")
    detection = whole.detect(whole.decode([sample_folder / "polyps.jpg"]))["nero"]
    assert f"= score {words.number(detection.score[0])}" in html(running)
