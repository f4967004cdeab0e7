from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.pages.about import model_card
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


def test_settings_have_a_row_each_and_digests_none():
    settings = {
        "arch": "resnet18",
        "learning_rate": 0.001,
        "seed": 0,
        "half": False,
        "weights": None,
        "data": "6f" * 32,
    }
    rows = [row[:2] for row in model_card._training_rows({"seed": 0, "settings": settings, "digests": ("6f" * 32,)})]
    assert rows == [("arch", "resnet18"), ("learning rate", "0.00100"), ("seed", "0"), ("half", "no")]


def test_figures_are_named():
    assert words.figure("nero_auroc polyps") == "NERO AUROC, polyps"
    assert words.figure("nero_fpr95_id_positive") == "NERO FPR95 (ID positive)"
    assert words.figure("held_out_id_images") == "Held-out ID images"
    assert words.figure("something else") == "something else"
