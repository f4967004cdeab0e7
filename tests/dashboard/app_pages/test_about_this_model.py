from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.dashboard.material import html


def test_the_card_says_what_the_bundle_is(app: Callable[..., AppTest]):
    running = app()
    running.switch_page("app_pages/about_this_model.py").run()
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
