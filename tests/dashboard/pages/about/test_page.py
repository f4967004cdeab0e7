import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import words
from tests.dashboard.material import html


def test_the_card_says_what_the_bundle_is(app: Callable[..., AppTest]):
    running = app("about")
    assert not running.exception
    assert not running.error
    assert running.title[0].value == "About this model"
    page = html(running)
    assert "resnet10t, 64 × 64 pixels" in page
    assert "normal-cecum, normal-pylorus, normal-z-line" in page
    assert "banks.safetensors" in page
    assert "LGPL" in page or "Lesser General Public" in page
    spoken = " ".join(text.value for text in running.markdown)
    assert "synthetic" in spoken
    assert "Not a medical device" in spoken


def test_figures_are_not_read_as_markdown(app: Callable[..., AppTest]):
    running = app("about")
    assert not running.table


def test_settings_have_a_row_each_and_digests_none(
    app: Callable[..., AppTest], wide_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = {
        "arch": "resnet18",
        "learning_rate": 0.001,
        "seed": 0,
        "half": False,
        "weights": None,
        "data": "6f" * 32,
    }
    card = json.loads((shutil.copytree(wide_bundle, tmp_path / "trained") / "bundle.json").read_text())
    card["model"]["training"] |= {"seed": 0, "settings": settings, "digests": ["7e" * 32]}
    (tmp_path / "trained" / "bundle.json").write_text(json.dumps(card))
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "trained"))
    (made,) = [part for part in html(app("about")).split('<dl class="nero-facts">') if "seed of the split" in part]
    rows = re.findall(r"<dt>(.*?)</dt><dd.*?>(.*?)</dd>", made.split("</dl>")[0])
    assert rows[1:5] == [("arch", "resnet18"), ("learning rate", "0.00100"), ("seed", "0"), ("half", "no")]
    assert not re.search("6f6f|7e7e|weights|data", " ".join(name + value for name, value in rows))


def test_figures_are_named():
    assert words.figure("nero_auroc polyps") == "NERO AUROC, polyps"
    assert words.figure("nero_fpr95_id_positive") == "NERO FPR95 (ID positive)"
    assert words.figure("held_out_id_images") == "Held-out ID images"
    assert words.figure("something else") == "something else"
