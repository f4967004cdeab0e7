"""Class names, thumbnails and samples that somebody else made."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import resources, words
from dashboard.components import samples
from dashboard.pages.screen import concept_gallery
from dashboard.pages.screen.image_card import _is_enlarged
from nero_core.errors import BundleError
from tests.dashboard.material import html, png


def map_page(view: str, is_empty: bool, is_signed: bool = False) -> None:
    """Runs inside AppTest, which takes the source of this function alone."""
    from types import SimpleNamespace

    import numpy as np
    import torch

    from dashboard.pages.screen.image_card import _map

    heat = torch.zeros(64, 64) if is_empty else torch.ones(64, 64)
    kept = float("nan") if is_empty else 1.0
    if is_signed:
        heat[:, :32] = -0.9
    why = SimpleNamespace(
        explained_class=0,
        heatmap=heat,
        evidence=heat,
        conservation=kept,
        evidence_conservation=kept,
        cancellation=kept,
        evidence_cancellation=19.0 if is_signed else kept,
        sigma=6.0,
    )
    _map(np.zeros((64, 64, 3), np.uint8), why, view, 0.7, ("[x](https://evil)",), "a.png")  # type: ignore[arg-type]


def test_a_class_name_is_no_link():
    running = AppTest.from_function(map_page, kwargs={"view": "heatmap", "is_empty": False}).run()
    assert not running.exception
    assert "[x](https" not in running.caption[0].value
    assert "[x" in running.caption[0].value


def test_no_evidence_has_no_legend():
    running = AppTest.from_function(map_page, kwargs={"view": "evidence", "is_empty": True}).run()
    assert not running.exception
    assert running.caption[0].value == "Nothing to show: no channel is used more than usual in this image."
    assert "nero-legend" not in html(running)


def test_evidence_that_cancels_is_shown_with_both_signs_and_says_so():
    running = AppTest.from_function(map_page, kwargs={"view": "evidence", "is_empty": False, "is_signed": True}).run()
    assert not running.exception
    said = running.caption[0].value
    assert "Green adds to the distance, purple takes from it." in said
    assert "mostly cancel: together they are 19 times" in said
    assert "−" in html(running)  # a legend from below zero


def test_positive_evidence_says_nothing_of_signs():
    running = AppTest.from_function(map_page, kwargs={"view": "evidence", "is_empty": False}).run()
    said = running.caption[0].value
    assert "Bright parts drive" in said
    assert "purple" not in said and "cancel" not in said


def test_nothing_to_show_says_why():
    assert "none of the relevance arrives" in words.conservation(0.0, True, 0.0)
    assert "cancel" not in words.conservation(1.0, True, 3.0)
    assert "cancel" not in words.conservation(1.0, True, math.nan)
    assert "together they are 3.1 times" in words.conservation(1.0, True, 3.1)
    assert words.conservation(math.nan) == "Nothing to show: no relevance here."
    assert "more than usual" in words.conservation(math.nan, is_evidence=True)


class Torn:
    """An inspector whose second thumbnail is gone."""

    def thumbnail(self, reference_id: str) -> bytes:
        if reference_id == "b":
            raise BundleError("gone")
        return b"x"

    def reference_class(self, reference_id: str) -> str:
        return "normal-cecum"


def test_a_missing_thumbnail_costs_one_picture():
    concept: Any = SimpleNamespace(references=("a", "b", "c"), reference_relevance=(3.0, 2.0, 1.0))
    inspector: Any = Torn()
    said = concept_gallery._references(inspector, concept, None)
    assert said.count("<img") == 2
    assert said.count("no picture") == 1
    assert said.count("<figure ") == 3


def test_a_broken_sample_is_left_out(
    app: Callable[..., AppTest], sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "samples"
    shutil.copytree(sample_folder, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "folder.png").mkdir()
    (folder / "polyps.png").write_bytes(png())
    monkeypatch.setenv("NERO_SAMPLES", str(folder))
    running = app()
    assert not running.exception
    keys = [button.key for button in running.button]
    assert "sample_broken" not in keys
    assert keys.count("sample_polyps") == 1


def test_of_two_samples_with_one_name_the_first_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.png", "b.jpg", "b.png"):
        (tmp_path / name).write_bytes(png())
    monkeypatch.setenv("NERO_SAMPLES", str(tmp_path))
    inspector: Any = SimpleNamespace(bundle=SimpleNamespace(card=SimpleNamespace(class_names=("b",))))
    inside, outside = samples.sample_paths(inspector)
    assert [path.name for path in inside + outside] == ["b.jpg", "a.png"]


@pytest.mark.parametrize(("side", "is_enlarged"), [(64, True), (700, False), (1300, False)])
def test_only_small_originals_are_enlarged(side: int, is_enlarged: bool):
    item = resources.source(f"enlarged {side}", "a.png", png(side))
    assert _is_enlarged(item, resources.picture(item)) is is_enlarged
