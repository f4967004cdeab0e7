"""A study of a real Orthanc on the page Worklist: found, fetched, reviewed, answered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid
from streamlit.testing.v1 import AppTest

from nero_core.data import decode_image
from nero_core.pacs import Archive, read_settings
from nero_core.store import find_items, find_worklists, open_store
from tests.dashboard.material import asked, html, no_traceback, until
from tests.nero_core.pacs.conftest import PASSWORD, Orthanc
from tests.nero_core.pacs.test_orthanc import IDENTITY, NAME, SECRETS, endoscopy

Start = Callable[..., AppTest]


@pytest.fixture
def study(orthanc: Orthanc, phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    uid, series = generate_uid(), generate_uid()
    for number, path in enumerate(sorted((phantoms / "ood").rglob("*.jpg"))[:2], 1):
        orthanc.add(endoscopy(uid, series, decode_image(path).pixels, number))
    for name, value in orthanc.environ.items():
        monkeypatch.setenv(name, value)
    return str(uid)


def everything(running: AppTest) -> str:
    kinds = (running.markdown, running.caption, running.radio, running.subheader, running.error, running.info)
    return html(running) + " ".join(
        str(getattr(each, "value", "")) + str(getattr(each, "options", "")) for kind in kinds for each in kind
    )


def found(running: AppTest, study: str) -> str:
    return next(str(text) for text in running.radio(key="worklist_study").options if study in text.replace("\\", ""))


def ask(running: AppTest, **asked_for: str) -> AppTest:
    for name, value in asked_for.items():
        running.text_input(key=f"worklist_study_{name}").set_value(value)
    return running.button(key="find_studies").click().run()


def test_without_a_pacs_nothing_of_one_is_offered(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NERO_PACS_URL", raising=False)
    monkeypatch.delenv("NERO_PACS_FILE", raising=False)
    running = app("worklist")
    assert not any(button.key == "find_studies" for button in running.button)


def test_a_study_is_found_and_nothing_of_the_patient_is_shown_unless_the_operator_says_so(
    app: Start, study: str, monkeypatch: pytest.MonkeyPatch
):
    running = ask(app("worklist"), date="20260101-20260131", patient=IDENTITY)
    no_traceback(running)
    assert "ES · 2 files" in found(running, study)
    assert not any(secret in everything(running) for secret in SECRETS)
    monkeypatch.setenv("NERO_SHOW_STUDY_TAGS", "1")
    assert NAME in found(ask(running), study).replace("\\", "")
    ask(running, date="yesterday")
    assert any("Expected a date such as 20260131" in error.value for error in running.error)
    ask(running, date="", patient="nobody")
    assert any("no such study" in info.value for info in running.info)
    monkeypatch.setenv("NERO_PACS_PASSWORD", "another-secret")
    ask(running)
    no_traceback(running)
    assert any("found the answer 401" in error.value for error in running.error)
    assert not any(secret in everything(running) for secret in (PASSWORD, "another-secret"))


@pytest.mark.slow
def test_a_study_becomes_a_worklist_and_is_answered(app: Start, study: str, warm_jobs: None):
    running = ask(app("worklist"), patient=IDENTITY)
    running.radio(key="worklist_study").set_value(study).run()
    running.text_input(key="worklist_name").set_value("Monday").run()
    running.button(key="make_worklist").click().run()
    no_traceback(running)
    number = int(asked(running, "worklist"))
    with open_store() as store:
        until(running, lambda: find_worklists(store)[0].is_done)
        assert [item.state for item in find_items(store, number).items] == ["scored"] * 2
        running.run()
        assert any("2 images fetched from the PACS" in caption.value for caption in running.caption)
        assert running.button(key="send_all").disabled and running.button(key="send_item").disabled
        running.button(key="review_A").click().run()
        assert running.button(key="send_item").disabled  # the next one is read by now
        running.button(key="send_all").click().run()
        no_traceback(running)
        until(running, lambda: running.success or running.error)
        assert [each.value for each in running.success] == ["Sent: 1 image."]
        assert not any(secret in everything(running) for secret in SECRETS)
    archive = Archive(read_settings())
    told: list[Any] = [archive.fetch(instance) for instance in archive.instances(study)]
    assert sorted(str(data.Modality) for data in told).count("SR") == 1
