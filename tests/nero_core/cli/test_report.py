"""``nero report``."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from nero_core.case_report import (
    ListSettings,
    Review,
    describe_case,
    describe_report,
    describe_worklist,
    html_report,
    load_signer,
    pdf_report,
    signed_report,
)
from nero_core.data.decode import decode_image
from nero_core.inspector import Inspector
from nero_core.store import audit_lines, find_worklists, open_store
from tests.nero_core.case_report.certificates import pkcs12_file
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
    case = describe_case(inspector, decode_image(image), text="Notes.", reviews=(review,))
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


@pytest.fixture
def morning(nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worklist of the name Monday in a store of its own."""
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "one.jpg").write_bytes(image.read_bytes())
    order = ("--bundle", tiny_bundle, "--out", "Monday", "--device", "cpu", "--method", "nero", "--keep")
    scored = nero("worklist", "score", tmp_path / "frames", *order)
    assert scored.exit_code == 0, scored.output
    return tmp_path


def test_a_worklist_by_its_name_is_described_as_the_library_does_and_signed(
    nero: Run, morning: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    order = ("report", "Monday", "--bundle", tiny_bundle, "--device", "cpu", "--pages", "all", "--date", "2026-11-28")
    done = nero(*order, "--out", "list.html", "--text", "Room 2.")
    assert done.exit_code == 0 and "1 images, 1 with a page: list.html" in done.stdout, done.output
    (morning / "seal.p12").write_bytes(pkcs12_file(""))
    monkeypatch.setenv("NERO_REPORT_CERTIFICATE", "seal.p12")
    assert nero(*order, "--out", "list.pdf", "--sign").exit_code == 0
    inspector = Inspector.load(tiny_bundle, "cpu")
    day = date(2026, 11, 28)
    with open_store() as store:
        (listed,) = find_worklists(store)
        noted = describe_worklist(store, listed, inspector, ListSettings("all", text="Room 2.", made_on=day))
        plain = describe_worklist(store, listed, inspector, ListSettings("all", made_on=day))
        lines = list(audit_lines(store))
    assert (morning / "list.html").read_bytes() == html_report(noted)
    signed = (morning / "list.pdf").read_bytes()
    assert signed == signed_report(plain, load_signer())
    assert [line.action for line in lines[-2:]] == ["report made", "report signed"]
    assert hashlib.sha256(signed).hexdigest() in lines[-1].details


def test_a_name_that_is_a_file_too_is_asked_for(nero: Run, morning: Path, tiny_bundle: Path, image: Path):
    (morning / "Monday").write_bytes(image.read_bytes())
    order = ("--bundle", tiny_bundle, "--device", "cpu", "--out", "r.html")
    refused = nero("report", "Monday", *order)
    assert refused.exit_code == 2
    assert "Expected a worklist or a file of the name 'Monday'. Found both." in refused.stderr
    assert nero("report", "./Monday", *order).exit_code == 0
    assert "Case report" in (morning / "r.html").read_text("utf-8")
    assert nero("report", "Monday", "--worklist", *order).exit_code == 0
    assert "Worklist report" in (morning / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("Monday", "--out", "r.html", "--reader", "Ada"), "no --reader with a worklist"),
        (("Monday", "--out", "r.html", "--date", "2026-11-28", "--sign"), "Expected a PDF to sign"),
        (("Monday", "--out", "r.pdf", "--sign"), "Give it: --date"),
        (("Monday", "--out", "r.pdf", "--date", "2026-11-28", "--sign"), "Found it unset"),
        (("Monday", "--out", "r.pdf", "--pages", "some"), "Expected one of unlike, all, none"),
        (("Tuesday", "--worklist", "--out", "r.pdf"), "Expected a worklist of the name 'Tuesday'"),
        (("frames/one.jpg", "--out", "r.pdf", "--most", "3"), "no --most with images"),
    ],
)
def test_what_makes_no_sense_with_a_worklist_is_told(
    nero: Run, morning: Path, tiny_bundle: Path, options: tuple[str, ...], says: str
):
    refused = nero("report", *options, "--bundle", tiny_bundle, "--device", "cpu")
    assert refused.exit_code == 2 and says in refused.stderr.replace("\n", " ")
    assert not list(morning.glob("r.*"))


def test_images_need_no_database_and_make_none(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    assert nero("report", image, "--bundle", tiny_bundle, "--device", "cpu", "--out", tmp_path / "r.pdf").exit_code == 0
    assert not (tmp_path / "home").exists()


def test_each_frame_of_a_dicom_file_is_a_case(nero: Run, tiny_bundle: Path, tmp_path: Path):
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    (tmp_path / "loop.dcm").write_bytes(dicom(frames))
    out = tmp_path / "loop.html"
    result = nero("report", tmp_path / "loop.dcm", "--out", out, "--bundle", tiny_bundle, "--device", "cpu")
    assert result.exit_code == 0, result.output
    page = out.read_text("utf-8")
    assert "Report of 2 cases" in page and "loop.dcm#frame 1" in page and "loop.dcm#frame 2" in page
