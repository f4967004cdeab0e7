"""What the page of a channel says while its readers wait."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest


@pytest.mark.parametrize(
    ("bundle", "says"),
    [
        ("referenced_bundle", "Gathering channel 3 and 5 …"),
        ("wide_bundle", "Tracing channel 3 and 5 in its reference images: this reference set keeps no heatmaps of"),
    ],
)
def test_the_spinner_says_where_references_are_traced_only_now(
    app: Callable[..., AppTest], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, bundle: str, says: str
) -> None:
    folder: Path = request.getfixturevalue(bundle)
    monkeypatch.setenv("NERO_BUNDLES", str(folder))
    told: list[str] = []
    spinner = st.spinner

    def telling(text: str = "", **options: object) -> object:
        told.append(text)
        return spinner(text, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(st, "spinner", telling)
    running = app("explorer", channel="3", other="5")
    assert not running.exception
    assert len([text for text in told if text.startswith(says)]) == 1
