"""The what-if panel on the page "Screen an image", without a browser."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.screen import what_if
from nero_core import Inspector
from nero_core.errors import CalibrationError

Start = Callable[..., AppTest]


def table(running: AppTest) -> dict[str, tuple[str, str]]:
    frame = running.dataframe[-1].value
    return {row.iloc[0]: (row.iloc[1], row.iloc[2]) for _, row in frame.iterrows()}


def no_error(running: AppTest) -> None:
    assert not running.exception
    assert [error.value for error in running.error] == []


def test_nothing_is_computed_until_it_is_asked_for(app: Start, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr("nero_core.Explorer.what_if", fail)
    running = app(sample="polyps")
    no_error(running)
    assert running.toggle(key="whatif").value is False


def test_at_first_both_sides_are_the_bundles_own_setting(app: Start):
    running = app(sample="polyps", whatif="true")
    no_error(running)
    assert all(before == after for before, after in table(running).values())


@pytest.mark.parametrize(
    ("kind", "key", "value", "moves"),
    [
        ("slider", "whatif_k", 20, "score"),
        ("slider", "whatif_components", 2, "score"),
        ("select_slider", "whatif_epsilon", 1.0, "score"),
        ("segmented_control", "whatif_norm", 2, "score"),
        ("select_slider", "whatif_accept", 0.9, "threshold"),
    ],
)
def test_each_setting_moves_its_figures_and_reset_brings_them_back(
    app: Start, kind: str, key: str, value: float, moves: str
):
    running = app(sample="polyps", whatif="true")
    usual = table(running)
    {element.key: element for element in running.get(kind) if getattr(element, "key", None)}[key].set_value(value).run()
    no_error(running)
    figures = table(running)
    assert figures[moves][1] != figures[moves][0] == usual[moves][0]
    assert f"{key}=" in running.code[-1].value
    running.button(key="what_if_reset").click().run()
    no_error(running)
    assert table(running) == usual


def test_a_link_to_a_setting_that_is_not_offered_says_so(app: Start):
    running = app(sample="polyps", whatif="true", whatif_k="99999", whatif_norm="3", whatif_components="2")
    no_error(running)
    messages = [warning.value for warning in running.warning]
    assert len(messages) == 2
    assert messages[0].startswith("The link's k 99999 is not available here; this is ")
    assert messages[1] == "The link's norm 3 is not available here; this is 1."


def test_the_link_opens_the_same_setting_and_holds_no_image(app: Start):
    running = app(sample="polyps", whatif="true")
    running.slider(key="whatif_k").set_value(20).run()
    running.segmented_control(key="whatif_norm").set_value(2).run()
    running.select_slider(key="whatif_epsilon").set_value(0.01).run()
    figures = table(running)
    query = {name: values[0] for name, values in parse_qs(urlsplit(running.code[-1].value).query).items()}
    assert set(query) == {"bundle", "sample", "whatif", "whatif_k", "whatif_norm", "whatif_epsilon"}
    again = app(**query)
    no_error(again)
    assert table(again) == figures


def test_the_file_holds_what_is_needed_to_come_to_the_same_figures(
    app: Start, monkeypatch: pytest.MonkeyPatch, wide_bundle: Path
):
    records: list[dict] = []
    make = what_if.setting_record
    monkeypatch.setattr(what_if, "setting_record", lambda *given: records.append(make(*given)) or records[-1])
    running = app(sample="polyps", whatif="true")
    running.slider(key="whatif_k").set_value(20).run()
    no_error(running)
    last = json.loads(json.dumps(records[-1], allow_nan=False))
    assert last["bundle"]["sha256"] == Inspector.load(wide_bundle, "cpu").bundle.digest
    assert len(last["image"]["sha256"]) == 64
    assert "polyps" not in json.dumps(last)
    assert last["settings"]["least"] == 20
    assert set(last["settings"]) >= {"epsilon", "component_share", "norm", "tpr"}
    assert last["versions"]["torch"] != "unknown"
    assert table(running)["AUROC"][1] == f"{100 * last['auroc']:.1f}\u00a0%"


def test_a_setting_that_cannot_be_fitted_is_a_sentence(app: Start, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise CalibrationError("Expected finite relevance. Raise ε.")

    monkeypatch.setattr("nero_core.Explorer.what_if", fail)
    running = app(sample="polyps", whatif="true")
    assert not running.exception
    assert "Raise ε" in running.error[0].value
    assert running.button(key="what_if_reset")
