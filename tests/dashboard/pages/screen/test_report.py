"""The report on the page "Screen an image"."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from nero_core.cli.app import app as command_line

Start = Callable[..., AppTest]
Offered = dict[str, Callable[[], bytes]]

NOTES = "Repeat with dye.\n<b>报告</b>"


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What the page offers to make, by file name."""
    files: Offered = {}
    plain = MediaFileManager.add_deferred

    def keep(
        self: MediaFileManager, make: Callable[[], bytes], mimetype: str | None, coordinates: str, **kind: str
    ) -> str:
        files[kind["file_name"]] = make
        return plain(self, make, mimetype, coordinates, **kind)

    monkeypatch.setattr(MediaFileManager, "add_deferred", keep)
    return files


def prepared(running: AppTest) -> AppTest:
    """With notes and a date."""
    running.text_area(key="report_notes").set_value(NOTES)
    running.date_input(key="report_date").set_value(date(2026, 11, 28))
    return next(button for button in running.button if button.label == "Prepare").click().run()


def test_the_page_and_the_command_line_write_the_same_bytes(
    app: Start, offered: Offered, wide_bundle: Path, sample_folder: Path, tmp_path: Path
):
    running = prepared(app(sample="polyps"))
    assert not running.exception
    image = sample_folder / "polyps.jpg"
    digits = hashlib.sha256(image.read_bytes()).hexdigest()[:8]
    for form in ("pdf", "html"):
        out = tmp_path / f"out.{form}"
        options = ["--bundle", str(wide_bundle), "--device", "cpu", "--text", NOTES, "--date", "2026-11-28"]
        result = CliRunner().invoke(command_line, ["report", str(image), "--out", str(out), *options])
        assert result.exit_code == 0, result.output
        assert offered[f"report-{digits}.{form}"]() == out.read_bytes()


def test_files_are_offered_only_once_notes_and_date_are_taken(app: Start, offered: Offered):
    running = app(sample="polyps")
    assert not any(name.startswith("report-") for name in offered)
    prepared(running)
    assert {name[-4:] for name in offered if name.startswith("report-")} == {".pdf", "html"}


def test_another_image_is_prepared_anew(app: Start, offered: Offered):
    running = prepared(app(sample="polyps"))
    offered.clear()
    running.query_params["sample"] = "normal-cecum"
    running.run()
    assert not running.exception
    assert not any(name.startswith("report-") for name in offered)
