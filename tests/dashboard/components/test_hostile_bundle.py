"""Class names, thumbnails and samples that somebody else made."""

import json
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor

from dashboard import words
from dashboard.components import marks, samples
from nero_core import Inspector
from nero_core.errors import BundleError
from nero_core.types import Explanation
from tests.dashboard.material import html, no_traceback, png

Start = Callable[..., AppTest]


@pytest.fixture
def evidence_page(app: Start, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """``evidence_page(evidence, conservation, cancellation)``: the page of an image with this evidence."""
    explain = Inspector.explain

    def start(evidence: Tensor, conservation: float, cancellation: float) -> AppTest:
        def explained(*given: Any, **named: Any) -> Explanation:
            return replace(
                explain(*given, **named),
                nero_evidence=evidence,
                evidence_conservation=conservation,
                evidence_cancellation=cancellation,
            )

        monkeypatch.setattr(Inspector, "explain", explained)
        running = app(sample="polyps", view="evidence")
        no_traceback(running)
        return running

    return start


def said_of_evidence(running: AppTest) -> str:
    """What stands under the map of the evidence."""
    (caption,) = [
        element.value for element in running.caption if element.value.endswith(("coarse grid.", "usual in this image."))
    ]
    return caption


def test_a_class_name_is_no_link(app: Start, wide_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    card = json.loads((shutil.copytree(wide_bundle, tmp_path / "linked") / "bundle.json").read_text())
    card["model"]["classes"] = [f"[{place}](https://evil)" for place in range(3)]
    (tmp_path / "linked" / "bundle.json").write_text(json.dumps(card))
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "linked"))
    running = app(sample="polyps", view="heatmap")
    no_traceback(running)
    (caption,) = [element.value for element in running.caption if "Green speaks for" in element.value]
    assert re.search(r"Green speaks for .*\[[012]", caption)
    assert not any(re.search(r"(?<!\\)\]\(https", element.value) for element in (*running.caption, *running.markdown))


def test_no_evidence_has_no_legend(evidence_page: Callable[..., AppTest]):
    running = evidence_page(torch.zeros(64, 64), math.nan, math.nan)
    assert said_of_evidence(running) == "Nothing to show: no channel is used more than usual in this image."
    assert "distance per pixel" not in html(running)


def test_evidence_that_cancels_is_shown_with_both_signs_and_says_so(evidence_page: Callable[..., AppTest]):
    evidence = torch.ones(64, 64)
    evidence[:, :32] = -0.9
    running = evidence_page(evidence, 1.0, 19.0)
    caption = said_of_evidence(running)
    assert "Green adds to the distance, purple takes from it." in caption
    assert "mostly cancel: together they are 19 times" in caption
    (legend,) = [part for part in html(running).split('<div class="nero-legend">') if "distance per pixel" in part]
    assert "−" in legend.split("distance per pixel")[0]  # from below zero


def test_positive_evidence_says_nothing_of_signs(evidence_page: Callable[..., AppTest]):
    caption = said_of_evidence(evidence_page(torch.ones(64, 64), 1.0, 1.0))
    assert "Bright parts drive" in caption
    assert "purple" not in caption and "cancel" not in caption


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
    inspector: Any = Torn()
    markup = "".join(marks.reference(inspector, name, 1.0) for name in "abc")
    assert markup.count("<img") == 2
    assert markup.count("no picture") == 1
    assert markup.count("<figure ") == 3


def test_a_broken_sample_is_left_out(app: Start, sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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
def test_only_small_originals_are_enlarged(app: Start, side: int, is_enlarged: bool):
    running = app()
    running.file_uploader(key="files").set_value([("a.png", png(side), "image/png")])
    running.run()
    no_traceback(running)
    (picture,) = re.findall(r'<div class="nero-picture">(<img [^>]*>)', html(running))
    assert picture.endswith(" class=pixelated>") is is_enlarged
