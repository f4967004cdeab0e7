"""A signed report, as another program checks it."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from nero_core.case_report import CaseReport, Signer, can_sign, load_signer, pdf_report, signed_report
from nero_core.case_report.signature import CERTIFICATE_VARIABLE, PASSPHRASE_FILE_VARIABLE, PASSPHRASE_VARIABLE
from nero_core.errors import NeroError
from tests.nero_core.case_report.certificates import NAME, PASSPHRASE, certificate_bytes, pkcs12_file, signature_status
from tests.nero_core.case_report.conftest import Poppler
from tests.nero_core.case_report.test_pdf import words


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate that the operator names; its passphrase is in the environment."""
    place = tmp_path / "seal.p12"
    place.write_bytes(pkcs12_file())
    monkeypatch.setenv(CERTIFICATE_VARIABLE, str(place))
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    return place


@pytest.fixture
def signer(named: Path) -> Signer:
    return load_signer()


def test_a_signed_report_is_valid_and_says_who_signed_it(signer: Signer, report: CaseReport, poppler: Poppler):
    data = signed_report(report, signer)
    status = signature_status(data)
    assert status.bottom_line and status.intact and status.valid and status.trusted
    assert status.coverage.name == "ENTIRE_FILE"
    assert f"{status.signer_reported_dt:%Y-%m-%d %H:%M}" == "2026-11-28 00:00"
    text = words(poppler("pdftotext", data))
    assert f"digitally, by {NAME}" in text
    assert hashlib.sha256(certificate_bytes()).hexdigest() in "".join(text.split())


def test_a_changed_byte_is_found_wherever_it_is(signer: Signer, report: CaseReport):
    data = signed_report(report, signer)
    for place in (5000, len(data) // 2, data.rindex(b"/TU") + 6):
        changed = bytearray(data)
        changed[place] ^= 1
        assert not signature_status(bytes(changed)).bottom_line


def test_the_same_report_is_signed_to_the_same_bytes(signer: Signer, report: CaseReport):
    assert signed_report(report, signer) == signed_report(report, load_signer())


def test_what_pdf_a_asks_for_stays(signer: Signer, report: CaseReport, poppler: Poppler):
    plain, data = pdf_report(replace(report, signed_by=signer.line)), signed_report(report, signer)
    assert data.startswith(plain)  # nothing before the signature is changed: text, tags, fonts, metadata
    added = data[len(plain) :]
    assert b"/Metadata" in added and b"/StructTreeRoot" in added and b"/OutputIntents" in added  # of the catalogue
    assert b"/F 132" in added and b"/Rect [ -9999 -9999 -9999 -9999 ]" in added  # prints, and is on no page
    assert b"/AP" not in added and b"/JavaScript" not in added and b"/Tabs /S" in added and b"/TU (" in added
    assert b"<pdfaid:part>2</pdfaid:part>" in data and b"pyHanko" not in data


def test_a_passphrase_comes_from_a_file_and_is_in_no_message(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    (tmp_path / "phrase").write_text(f"{PASSPHRASE}\nand a note\n")
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(tmp_path / "phrase"))
    assert load_signer().name == NAME and PASSPHRASE not in repr(load_signer())
    (tmp_path / "phrase").write_text("wrong phrase")
    with pytest.raises(NeroError, match="its passphrase opens") as caught:
        load_signer()
    assert "wrong phrase" not in str(caught.value) and PASSPHRASE not in caplog.text


def test_what_cannot_sign_is_told(named: Path, tmp_path: Path, report: CaseReport, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(NeroError, match="Expected the date of a report that is signed"):
        signed_report(replace(report, made_on=None), load_signer())
    named.write_text("no PKCS #12")
    with pytest.raises(NeroError, match="Expected NERO_REPORT_CERTIFICATE to name a PKCS #12 file"):
        load_signer()
    named.unlink()
    with pytest.raises(NeroError, match=r"Expected a file that NERO_REPORT_CERTIFICATE names\. Found: No such file"):
        load_signer()
    monkeypatch.delenv(CERTIFICATE_VARIABLE)
    assert not can_sign()
    with pytest.raises(NeroError, match="Found it unset"):
        load_signer()
