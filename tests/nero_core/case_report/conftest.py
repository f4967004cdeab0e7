"""A report of real cases, and the programs that open it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch

from nero_core.calibration import Bundle
from nero_core.case_report import Case, CaseReport, describe_case, describe_report
from nero_core.data.decode import Picture, decode_image
from nero_core.inspector import Inspector

INSTALL = "Install poppler-utils: apt-get install poppler-utils, or brew install poppler."
DAY = date(2026, 11, 28)
Poppler = Callable[..., str]
Named = Callable[..., CaseReport]


@pytest.fixture(scope="session")
def poppler(tmp_path_factory: pytest.TempPathFactory) -> Poppler:
    """``poppler("pdftotext", data, …)`` is what the program prints of a PDF."""
    if shutil.which("pdftotext") is None or shutil.which("pdftoppm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"Expected pdftotext and pdftoppm. Found none. {INSTALL}")
        pytest.skip(f"no pdftotext or pdftoppm on this machine. {INSTALL}")

    def run(program: str, data: bytes, *before: str, after: tuple[str, ...] = ()) -> str:
        place = tmp_path_factory.mktemp("pdf") / "report.pdf"
        place.write_bytes(data)
        after = after or (("-",) if program == "pdftotext" else ())  # to be printed
        return subprocess.run(
            [program, *before, str(place), *after], capture_output=True, encoding="utf-8", check=True, timeout=60
        ).stdout

    return run


@pytest.fixture(scope="session")
def inspector(verdict_bundle: Path) -> Inspector:
    """Of the bundle with the verdict by two tests."""
    return Inspector(Bundle.load(verdict_bundle, "cpu"), torch.device("cpu"))


@pytest.fixture(scope="session")
def picture(phantoms: Path) -> Picture:
    """An image of a class that the classifier never saw."""
    return decode_image(next((phantoms / "ood").glob("*/*.jpg")))


@pytest.fixture(scope="session")
def case(inspector: Inspector, picture: Picture) -> Case:
    """Of that image."""
    return describe_case(inspector, picture)


@pytest.fixture(scope="session")
def report(inspector: Inspector, case: Case) -> CaseReport:
    """Of that case, dated."""
    return describe_report(inspector, [case], DAY)


@pytest.fixture(scope="session")
def named(report: CaseReport) -> Named:
    """``named("x.png", text="…")``: the same report of an image with another name, text or review."""

    def make(name: str, **others: object) -> CaseReport:
        return replace(report, cases=(replace(report.cases[0], name=name, **others),))

    return make
