"""The steps of a morning: on the page where it can do them, by the command line where it cannot."""

import csv
import getpass
import io
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from dashboard import places
from nero_core.cli.app import app
from nero_core.data import decode_image
from nero_core.store import Item, Review, Store, add_job, claim_job, find_items, find_worklists, reviews_of
from tests.browser.server import settle
from tests.nero_core.pacs.conftest import Orthanc
from tests.nero_core.pacs.test_orthanc import endoscopy

T = TypeVar("T")
STUDY = "1.2.826.0.1.3680043.8.498.1"
SCORER = b"nero_core.cli\0worklist\0score"
PATIENCE = 600.0  # seconds; jobs leave the processor to others, and wait long on a busy machine


def until(look: Callable[[], T]) -> T:
    """What a look gives, once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found


def nero(*arguments: str | Path, environ: Mapping[str, str] | None = None) -> str:
    """What a command of the command line prints."""
    done = CliRunner().invoke(app, list(map(str, arguments)), env=environ)
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def occupy_both_places(store: Store) -> list[str]:
    """Two jobs that run for as long as the test wants: a third one waits."""
    claims = []
    for number in range(2):
        job = add_job(store, "benchmark", "somebody", place=places.server_id(), token=f"{number}" * 22)
        claim = claim_job(store, job.token, place=places.server_id(), seconds=3600.0)
        assert claim is not None
        claims.append(claim.token)
    return claims


def upload(page: Page, file: Path, name: str) -> None:
    """Make a worklist of a zip."""
    expect(page.get_by_label("Name", exact=True)).to_be_visible()
    settle(page)  # a page that is still drawn may drop what is written into it
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Enter")
    settle(page)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Make the worklist").click(timeout=1000 * PATIENCE)
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=1000 * PATIENCE)


def kill_scorers(home: str) -> int:
    """Kill the processes that score a worklist below a home; how many there were."""
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_scorer = SCORER in (process / "cmdline").read_bytes()
            if is_scorer and f"NERO_HOME={home}\0".encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except OSError:  # it has ended meanwhile
            continue
    return killed


def items(store: Store, number: int) -> list[Item]:
    """All items of a worklist, in the order of the files."""
    return list(find_items(store, number, limit=1000).items)


def review_by_key(page: Page, store: Store, number: int, key: str, comment: str = "") -> tuple[int, Review]:
    """Review the item that the page shows by a key, and wait until the page has gone on; its number and the review."""
    settle(page)
    before = reviews(store, number)
    if comment:
        page.get_by_placeholder("what you see").fill(comment)
        page.get_by_placeholder("what you see").press("Enter")
        settle(page)
        page.get_by_placeholder("what you see").blur()  # a letter is a letter there
    page.keyboard.press(key)
    after = until(lambda: reviews(store, number) if reviews(store, number) != before else None)
    settle(page)
    [(item, review)] = [pair for pair in after.items() if before.get(pair[0]) != pair[1]]
    return item, review


def reviews(store: Store, number: int) -> dict[int, Review]:
    """The last review of each item that has one."""
    found = {item.id: reviews_of(store, item.id) for item in items(store, number) if item.review is not None}
    return {item: of_item[-1] for item, of_item in found.items()}


def exported(page: Page) -> list[dict[str, str]]:
    """The rows of the CSV file that the page gives."""
    with page.expect_download() as coming:
        page.get_by_role("button", name="Export", exact=True).click()
    return list(csv.DictReader(io.StringIO(coming.value.path().read_text(encoding="utf-8"))))


def score_study(store: Store, orthanc: Orthanc, phantoms: Path, bundle: Path) -> list[Item]:
    """The items of a study that lies in a PACS, as a worklist of its own."""
    uid = f"{STUDY}.{time.time_ns()}"
    for place, path in enumerate(sorted((phantoms / "ood").rglob("*.jpg"))[:3], 1):
        orthanc.add(endoscopy(uid, f"{uid}.1", decode_image(path).pixels, place))
    options = ("--bundle", bundle, "--out", "Study", "--device", "cpu")
    nero("worklist", "score", "--study", uid, *options, environ=orthanc.environ)
    return items(store, find_worklists(store, getpass.getuser(), "Study")[0].id)


def signed_report(page: Page) -> bytes:
    """The PDF of the whole list that the page gives, with the signature of the server."""
    page.get_by_text("Report of the whole list").click()
    pages = page.get_by_role("combobox", name="Pages of single images")
    pages.fill("none")  # the table alone: a page of an image takes a second
    pages.press("Enter")
    page.get_by_role("button", name="Prepare", exact=True).click()
    ready = page.get_by_role("button", name="PDF", exact=True)
    expect(ready).to_be_visible(timeout=1000 * PATIENCE)
    settle(page)
    with page.expect_download(timeout=1000 * PATIENCE) as coming:
        ready.click()
    return coming.value.path().read_bytes()
