"""``nero report``."""

import re
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from nero_core.case_report import Review, describe_case, describe_report, html_report, pdf_report
from nero_core.data.decode import decode_image
from nero_core.inspector import Inspector
from tests.nero_core.data.dicom_files import dicom

Run = Callable[..., Result]
Process = Callable[..., subprocess.CompletedProcess[str]]

REVIEWED = ("--reader", "Dr. Ada", "--decision", "agree", "--comment", "As expected.", "--when", "10:12")


@pytest.fixture(scope="module")
def image(phantoms: Path) -> Path:
    return next((phantoms / "ood").glob("*/*.jpg"))


@pytest.mark.parametrize(("form", "make"), [("pdf", pdf_report), ("html", html_report)])
def test_the_file_is_the_same_from_two_processes_and_from_the_library(
    nero_process: Process,
    tiny_bundle: Path,
    image: Path,
    tmp_path: Path,
    form: str,
    make: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
):
    written = []
    for zone in ("Asia/Tokyo", "America/Lima"):  # on two days, for a part of each
        monkeypatch.setenv("TZ", zone)
        out = tmp_path / zone.replace("/", "-") / f"out.{form}"
        out.parent.mkdir()
        options = ("--bundle", tiny_bundle, "--device", "cpu", "--text", "Notes.", "--date", "2026-11-28", *REVIEWED)
        ended = nero_process("report", image, "--out", out, *options)
        assert ended.returncode == 0, ended.stderr
        written.append(out.read_bytes())
    inspector = Inspector.load(tiny_bundle, "cpu")
    review = Review("Dr. Ada", "agree", "As expected.", "10:12")
    case = describe_case(inspector, decode_image(image), text="Notes.", review=review)
    assert written[0] == written[1] == make(describe_report(inspector, [case], date(2026, 11, 28)))


def test_a_file_that_cannot_be_read_is_named_in_the_report_of_the_others(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path
):
    (tmp_path / "broken.png").write_text("no image")
    out = tmp_path / "all.html"
    result = nero(
        "report", image, tmp_path / "broken.png", image, "--out", out, "--bundle", tiny_bundle, "--device", "cpu"
    )
    assert result.exit_code == 1
    assert "broken.png" in result.stderr and "2 cases" in result.stdout
    page = out.read_text("utf-8")
    assert "Report of 2 cases" in page and "Not in this report" in page and "broken.png" in page


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--out", "report.docx"), r"ends in \.pdf or \.html.*report\.docx"),
        (("--out", "absent/report.pdf"), "no folder"),
        (("--out", "r.pdf", "--method", "nonsense"), "nonsense"),
        (("--out", "r.pdf", "--date", "28.11.2026"), "28.11.2026"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_written(
    nero: Run,
    tiny_bundle: Path,
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    says: str,
):
    monkeypatch.chdir(tmp_path)
    result = nero("report", image, "--bundle", tiny_bundle, "--device", "cpu", *options)
    assert result.exit_code == 2
    assert re.search(says, result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_review_is_of_one_image(nero: Run, tiny_bundle: Path, phantoms: Path, tmp_path: Path):
    result = nero("report", phantoms / "ood", "--out", tmp_path / "r.pdf", "--bundle", tiny_bundle, *REVIEWED)
    assert result.exit_code == 2
    assert "Expected one image with a review. Found 8" in result.stderr


def test_no_readable_image_makes_no_report(nero: Run, tiny_bundle: Path, tmp_path: Path):
    (tmp_path / "broken.png").write_text("no image")
    result = nero("report", tmp_path / "broken.png", "--out", tmp_path / "r.pdf", "--bundle", tiny_bundle)
    assert result.exit_code == 2
    assert "broken.png" in result.stderr and "Name images that can be read" in result.stderr
    assert not (tmp_path / "r.pdf").exists()


def test_each_frame_of_a_dicom_file_is_a_case(nero: Run, tiny_bundle: Path, tmp_path: Path):
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    (tmp_path / "loop.dcm").write_bytes(dicom(frames))
    out = tmp_path / "loop.html"
    result = nero("report", tmp_path / "loop.dcm", "--out", out, "--bundle", tiny_bundle, "--device", "cpu")
    assert result.exit_code == 0, result.output
    page = out.read_text("utf-8")
    assert "Report of 2 cases" in page and "loop.dcm#frame 1" in page and "loop.dcm#frame 2" in page
