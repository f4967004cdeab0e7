"""Many upload at once: the page says that it waits, and goes on by itself."""

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.resources import passes
from tests.dashboard.material import html


def test_a_page_that_finds_no_room_says_so_and_has_its_verdict_when_there_is(
    app: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
):
    place, told, spinner = passes.OwnThreads(1), list[str](), st.spinner
    monkeypatch.setattr(passes, "passes", lambda device: place)
    place._free -= 1  # somebody else's pass

    def telling(text: str = "", **options: object) -> object:
        told.append(text)
        if "wait for a verdict" in text:  # now that one ends
            with place._changed:
                place._free += 1
                place._changed.notify()
        return spinner(text, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(st, "spinner", telling)
    page = html(app(sample="normal-cecum"))
    assert any("Yours comes by itself as soon as there is room" in text for text in told)
    assert "nero-verdict" in page
    assert not place.is_full
