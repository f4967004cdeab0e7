"""What the screen makes of an uploaded file is made once: decoded, hashed, passed through the classifier."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL.ImageFile import ImageFile
from streamlit.testing.v1 import AppTest

from dashboard import resources
from tests.dashboard.material import html, no_traceback, png, until

Start = Callable[..., AppTest]
FILE = png(1300, seed=7, width=900)  # larger than it is shown
WAY = 2  # passes of integrated gradients: eight places between the blurred image and the image, and both ends


@dataclass
class Counts:
    """How often the file's bytes were opened as an image and hashed, and images went through the plain model."""

    decoded: int = 0
    hashed: int = 0
    passed: int = 0

    @property
    def all(self) -> tuple[int, int, int]:
        return self.decoded, self.hashed, self.passed


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch, wide_bundle: Path, app: Start) -> Counts:
    """Counts what is done to ``FILE``; all of it still happens."""
    result = Counts()
    monkeypatch.setenv("NERO_DEVICE", "cpu")
    plain = resources.inspector(wide_bundle).bundle.classifier.model
    opens, digest = ImageFile.__init__, hashlib.sha256
    passes = {name: getattr(type(plain), name) for name in ("forward_features", "forward_intermediates")}

    def count_open(self: ImageFile, fp: Any, filename: Any = None) -> None:
        result.decoded += isinstance(fp, io.BytesIO) and fp.getvalue() == FILE
        opens(self, fp, filename)

    def count_digest(data: Any = b"", **more: Any) -> Any:
        result.hashed += data == FILE
        return digest(data, **more)

    def count_pass(name: str, self: torch.nn.Module, pixels: torch.Tensor, **more: Any) -> Any:
        result.passed += self is plain  # the attribution copies make passes of their own
        return passes[name](self, pixels, **more)

    monkeypatch.setattr(ImageFile, "__init__", count_open)
    monkeypatch.setattr(hashlib, "sha256", count_digest)
    for name in passes:
        monkeypatch.setattr(type(plain), name, lambda self, x, name=name, **more: count_pass(name, self, x, **more))
    return result


def uploaded(app: Start) -> AppTest:
    running = app()
    running.file_uploader(key="files").set_value([("frame.png", FILE, "image/png")])
    running.run()
    no_traceback(running)
    return running


def test_from_upload_to_heatmap_evidence_and_concepts_once(app: Start, counts: Counts):
    running = uploaded(app)
    page = html(running)
    assert "nero-verdict" in page and page.count('<section class="nero-concept">') == 8
    assert counts.all == (1, 1, 1)
    for view, says in (("heatmap", "the map adds up to"), ("evidence", "the map accounts for")):
        running.segmented_control(key="view").set_value(view).run()
        no_traceback(running)
        assert any(says in caption.value for caption in running.caption)
        assert counts.all == (1, 1, 1 + WAY)
    running.number_input(key="channel").set_value(7).run()
    running.session_state["where_relevance_goes"] = True
    running.segmented_control(key="view").set_value("heatmap").run()
    running.selectbox(key="composite").select("epsilon_gamma_box").run()
    no_traceback(running)
    assert html(running).count('<section class="nero-concept">') == 9  # the open channel's
    assert any("Relevance at the output of each block" in caption.value for caption in running.caption)
    assert counts.all == (1, 1, 1 + WAY)


def test_the_other_pages_make_none_of_it_anew(app: Start, counts: Counts):
    running = uploaded(app)
    running.switch_page("pages/explorer/page.py").run()
    running.query_params["channel"] = "417"
    running.run()
    no_traceback(running)
    assert html(running).count("passes on") == 5  # the channel in depth
    assert counts.all == (1, 1, 1)
    running.switch_page("pages/compare/page.py").run()
    no_traceback(running)
    until(running, lambda: "nero-methods" in html(running))
    assert counts.all == (1, 1, 1)
    running.toggle(key="every_method").set_value(True).run()
    no_traceback(running)
    assert counts.all == (1, 1, 1 + 2)  # ODIN passes the image twice to make its own features
    running.switch_page("pages/learn/page.py").run()
    running.segmented_control(key="part").set_value("Perturb and watch").run()
    no_traceback(running)
    perturbed = counts.passed  # a perturbed picture is another one
    assert (counts.decoded, counts.hashed) == (1, 1)
    running.toggle(key="perturbed_map").set_value(True).run()
    no_traceback(running)
    assert any("green speaks for it" in caption.value for caption in running.caption)
    assert counts.all == (1, 1, perturbed + WAY)
