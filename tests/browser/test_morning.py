"""A morning of 200 files and a study of a PACS, from the upload to the report, killed half-way once."""

import getpass
import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nero_core.store import (
    Item,
    Result,
    Review,
    Store,
    audit_lines,
    claim_items,
    end_job,
    find_worklists,
    open_store,
    renew_claim,
)
from tests.browser import morning_steps as steps
from tests.browser.morning_files import BROKEN, PHANTOMS, PICTURES, write_morning
from tests.browser.server import Browser, Server, settle
from tests.conftest import MadeOnce
from tests.nero_core.case_report.certificates import pkcs12_file, signature_status
from tests.nero_core.pacs.conftest import Orthanc, orthanc  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="scorers are found by their environment"),
]
ALL, HELD = PHANTOMS + PICTURES + BROKEN, 100
REASONS = {  # of each broken file, a part of what is said of it
    "empty.jpg": "an empty file",
    "text.png": "found text",
    "page.jpg": "a web page",
    "cut.jpg": "damaged or unusual JPEG",
    "cut.png": "damaged or unusual PNG",
    "cut.tif": "a TIFF that is truncated or damaged",
    "cut.webp": "a WebP",
    "image 1": "a DICOM file that is cut off",  # no name of a DICOM file is kept: it may be the patient's
    "huge.png": "at most 64 million pixels",
    "icon.bmp": "at least 16 pixels on each side",
}


@pytest.fixture(params=("sqlite", "postgresql"))
def surroundings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of the server, its jobs, the command line and this process."""
    address = f"sqlite:///{tmp_path}/nero.db"
    if request.param == "postgresql":
        address = request.getfixturevalue("postgresql").new_database()
    variables = {"NERO_HOME": str(tmp_path / "home"), "NERO_DATABASE_URL": address, "NERO_DEVICE": "cpu"}
    variables |= {"NERO_KEEP_NAMES": "1", "NERO_KEEP_PIXELS": "1", "NERO_BUNDLES": ""}
    (tmp_path / "seal.p12").write_bytes(pkcs12_file(""))
    variables["NERO_REPORT_CERTIFICATE"] = str(tmp_path / "seal.p12")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def store(surroundings: dict[str, str]) -> Iterator[Store]:
    with open_store() as opened:
        yield opened


def test_a_morning_killed_half_way_goes_from_the_upload_to_the_report_and_nothing_is_lost(
    browser: Browser,
    store: Store,
    surroundings: dict[str, str],
    verdict_bundle: Path,
    made_once: MadeOnce,
    orthanc: Orthanc,  # noqa: F811
    phantoms: Path,
    tmp_path: Path,
) -> None:
    """One life of two servers, since each start takes seconds."""
    morning = made_once("morning", write_morning) / "morning.zip"
    with Server(verdict_bundle, **surroundings) as first:
        others = steps.occupy_both_places(store)
        page = browser.open(f"{first.address}/worklist")
        steps.upload(page, morning, "Monday")
        number = find_worklists(store, getpass.getuser(), "Monday")[0].id
        gone = claim_items(store, number, HELD, seconds=3600.0)  # half of them wait for a scorer that is gone
        for claim in others:
            end_job(store, claim, "stopped")
        expect(page.get_by_text(f"{ALL - HELD} of {ALL} images are done")).to_be_visible(timeout=1000 * steps.PATIENCE)
        early = steps.review_by_key(page, store, number, "a")  # what is scored can be read already
        assert steps.kill_scorers(surroundings["NERO_HOME"]) == 1
        first.kill()
    before = {item.id: item.result for item in steps.items(store, number) if item.result is not None}
    assert len(before) == ALL - HELD
    renew_claim(store, gone.token, seconds=0.0)
    with Server(verdict_bundle, **surroundings) as second:
        page = browser.open(f"{second.address}/worklist?worklist={number}")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text(f"{ALL} of {ALL} images are done, {BROKEN} of them without a score.")).to_be_visible(
            timeout=1000 * steps.PATIENCE
        )
        check_each_file_once(store, number, before)
        read = dict([early])
        assert steps.reviews(store, number) == read
        for key, comment in (("l", ""), ("b", "Bile, and a fold."), ("l", "=not a formula"), ("a", ""), ("s", "")):
            item, review = steps.review_by_key(page, store, number, key, comment)
            read[item] = review
        page.reload()
        settle(page)
        assert steps.reviews(store, number) == read
        check_export(steps.exported(page), steps.items(store, number), read)
        check_report(steps.signed_report(page), tmp_path)
        assert page.problems == [] and "Traceback" not in second.log  # type: ignore[attr-defined]
    study = steps.score_study(store, orthanc, phantoms, verdict_bundle)
    assert [item.state for item in study] == ["scored"] * 3
    assert "The audit log is in order" in steps.nero("audit", "verify")


def check_each_file_once(store: Store, number: int, before: Mapping[int, Result]) -> None:
    """Every item has one result, what was scored before the kill is as it was, and each broken file has its reason."""
    items = steps.items(store, number)
    assert Counter(item.state for item in items) == {"scored": ALL - BROKEN, "failed": BROKEN}
    assert {item.id: item.result for item in items if item.id in before} == before
    told = Counter(json.loads(line.details)["item"] for line in audit_lines(store) if line.action == "result")
    assert told == dict.fromkeys((item.id for item in items), 1)
    broken = {item.name.rpartition("/")[2]: item.result.error for item in items if item.result and item.result.error}
    assert broken.keys() == REASONS.keys()
    for name, reason in REASONS.items():
        assert reason in broken[name], broken[name]


def check_report(data: bytes, folder: Path) -> None:
    """It is signed, nothing was changed since, and it says what was read."""
    assert signature_status(data).bottom_line
    (folder / "report.pdf").write_bytes(data)
    told = subprocess.run(["pdftotext", folder / "report.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "Monday" in told and "Bile, and a fold." in told and "overridden" in told


def check_export(rows: list[dict[str, str]], items: list[Item], read: Mapping[int, Review]) -> None:
    """The file says what the database says, row by row."""
    assert len(rows) == len(items) == ALL
    for row, item in zip(rows, items, strict=True):
        assert row["sha256"] == item.digest and row["name"] == item.name and row["state"] == item.state
        assert item.result is not None
        assert row["error"] == item.result.error and row["verdict"] == (item.result.verdict or "")
        assert (float(row["p_value"]) if row["p_value"] else None) == item.result.p_value
        assert bool(row["review_decision"]) == (item.id in read)
    decided = Counter(row["review_decision"] for row in rows if row["review_decision"])
    assert decided == Counter(review.decision for review in read.values())
    assert [row["review_comment"] for row in rows if row["review_comment"].endswith("formula")] == ["'=not a formula"]
