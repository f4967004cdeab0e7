"""The report of the whole list on the page "Worklist"."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboard import state
from nero_core.calibration import Bundle
from nero_core.cli.app import app as command_line
from nero_core.inspector import Inspector
from nero_core.store import Review, add_review, audit_lines, find_items, local_user, open_store, put_upload, upload_path
from nero_core.worklist import begin, files_of, score_worklist
from tests.dashboard.material import Offered, no_traceback, png, until
from tests.nero_core.case_report.certificates import pkcs12_file

Start = Callable[..., AppTest]


@pytest.fixture
def number(app: Start, loaded_wide: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Of a worklist of three images, the file of one of which is gone."""
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    (tmp_path / "frames").mkdir()
    for seed in range(3):
        (tmp_path / "frames" / f"{seed}.png").write_bytes(png(seed=seed))
    with open_store() as store, files_of(tmp_path / "frames") as files:
        for file in files:
            put_upload(store, file.path.read_bytes())
        model = Inspector(loaded_wide, torch.device("cpu"))
        listed = begin(store, model, "Monday", local_user(), files, "nero", None)
        score_worklist(store, listed.id, model, files)
        lost = upload_path(store, find_items(store, listed.id).items[0].digest)
        assert lost is not None
        lost.unlink()
    return listed.id


def prepared(running: AppTest) -> AppTest:
    running.session_state[state.worklist.REPORT] = True
    running.run()
    running.selectbox(key="list_pages").set_value("all")
    running.text_area(key="list_notes").set_value("Room 2.")
    running.date_input(key="list_date").set_value(date(2026, 11, 28))
    return next(button for button in running.button if button.label == "Prepare").click().run()


def test_it_is_described_beside_the_page_signed_and_the_same_as_the_command_writes(
    app: Start,
    offered: Offered,
    number: int,
    wide_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    (tmp_path / "seal.p12").write_bytes(pkcs12_file(""))
    monkeypatch.setenv("NERO_REPORT_CERTIFICATE", str(tmp_path / "seal.p12"))
    running = app("worklist", worklist=str(number))
    no_traceback(running)
    assert "report-Monday.pdf" not in offered
    until(prepared(running), lambda: "report-Monday.pdf" in offered)
    said = "3 images in the table, 3 pages of single images. Nobody has reviewed this list: all 3 images are open."
    assert any(said in text.value for text in running.markdown)
    options = ["--bundle", str(wide_bundle), "--device", "cpu", "--text", "Room 2.", "--date", "2026-11-28"]
    for form, more in (("pdf", ["--sign"]), ("html", [])):
        out = tmp_path / f"out.{form}"
        order = ["report", "Monday", "--pages", "all", "--out", str(out), *options, *more]
        result = CliRunner().invoke(command_line, order)
        assert result.exit_code == 0, result.output
        made = offered[f"report-Monday.{form}"]()
        assert made == out.read_bytes()
        with open_store() as store:
            last = list(audit_lines(store))[-1]
        assert last.action == ("report signed" if more else "report made")
        assert hashlib.sha256(made).hexdigest() in last.details
    with open_store() as store:
        item = find_items(store, number).items[1]
        add_review(store, Review(item.id, local_user(), "agree"))
    running.run()
    no_traceback(running)
    assert any("The list has changed since" in caption.value for caption in running.caption)


def test_without_its_reference_set_the_page_says_so(app: Start, number: int, monkeypatch: pytest.MonkeyPatch):
    running = app("worklist", worklist=str(number))
    monkeypatch.setattr("dashboard.resources.worklists.bundle_of", lambda digest: None)
    prepared(running)
    no_traceback(running)
    assert any("reference set of this worklist is no longer here" in info.value for info in running.info)
    assert not any(toggle.key == "list_sign" for toggle in running.toggle)
