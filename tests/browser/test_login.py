"""A dashboard that asks who is there, with a real OpenID Connect provider on this machine."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard import places
from dashboard.headers import HEADERS
from dashboard.work import jobs
from nero_core.calibration import read_card
from nero_core.store import NewItem, add_job, add_worklist, open_store, stop_job
from tests.browser.server import READY, Browser, Server, free_port, settle
from tests.nero_core.store.material import items, score_all

pytestmark = pytest.mark.browser
ROLES = {
    "Ann@example.org": "operator",
    "bob@example.org": "viewer",
    "cat@example.org": "reviewer",
    "dan@example.org": "reviewer",
}
USERS = {name: f"{name}@example.org" for name in ("ann", "bob", "cat", "dan", "eve")} | {"mallory": "ann@example.org"}


@contextmanager
def provider() -> Iterator[str]:
    """Its address. Mallory's address is Ann's, but nobody has verified it."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    for name, address in USERS.items():
        claims = {"sub": name, "email": address, "email_verified": name != "mallory"}
        command += ["--user-claims", json.dumps(claims)]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{address}/.well-known/openid-configuration", timeout=5):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


class LoginServer(Server):
    """The dashboard with a login file."""

    def __init__(self, bundle: Path, folder: Path, provider_address: str) -> None:
        self.file, self.home = folder / "login.toml", folder / "home"
        super().__init__(bundle, NERO_DEVICE="cpu", NERO_HOME=str(self.home), NERO_LOGIN=str(self.file))
        auth = {
            "redirect_uri": f"{self.address}/oauth2callback",
            "cookie_secret": "s" * 64,
            "client_id": "nero",
            "client_secret": "secret-of-the-client",
            "server_metadata_url": f"{provider_address}/.well-known/openid-configuration",
        }
        tables = {"auth": auth, "roles": ROLES}
        text = "\n".join(
            line
            for name, table in tables.items()
            for line in (f"[{name}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()))
        )
        self.file.write_text(text)

    def command(self) -> list[str]:
        return [*super().command(), "--secrets.files", str(self.file)]


@pytest.fixture(scope="module")
def guarded(wide_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    with provider() as address, LoginServer(wide_bundle, tmp_path_factory.mktemp("login"), address) as running:
        yield running


def log_in(browser: Browser, server: Server, name: str) -> Page:
    page = browser.open(server.address, is_in_new_window=True)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=name, exact=True).click()
    return page


def test_before_a_login_nothing_is_shown_but_the_way_in(browser: Browser, guarded: Server) -> None:
    page = browser.open(f"{guarded.address}/your_own_model", is_in_new_window=True)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert page.locator("input[type=file]").count() == 0 and page.get_by_text("Reference set").count() == 0


def test_an_operator_sees_every_page_and_can_leave(browser: Browser, guarded: Server) -> None:
    page = log_in(browser, guarded, "ann")
    expect(page.get_by_text("ann@example.org (operator)")).to_be_visible()
    expect(page.get_by_role("link", name="Your own model")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="End session").click()  # the provider's own page
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_viewer_has_no_page_that_starts_work_on_the_server(browser: Browser, guarded: Server) -> None:
    page = log_in(browser, guarded, "bob")
    expect(page.get_by_text("bob@example.org (viewer)")).to_be_visible()
    expect(page.get_by_role("link", name="Learn")).to_be_visible()
    assert page.get_by_role("link", name="Your own model").count() == 0
    page.goto(f"{guarded.address}/your_own_model")
    expect(page.get_by_text("bob@example.org (viewer)")).to_be_visible()
    assert page.get_by_text("Architecture").count() == 0


def test_a_second_reader_answers_before_they_learn_what_the_first_one_said(
    browser: Browser, guarded: LoginServer, wide_bundle: Path
) -> None:
    _, bundle = read_card(wide_bundle)
    with open_store(f"sqlite:///{guarded.file.parent}/home/nero.db") as store:
        number = add_worklist(store, "Monday", "ann@example.org", bundle, "nero", items(2)).id
        score_all(store, number)
    page = log_in(browser, guarded, "ann")
    page.goto(f"{guarded.address}/worklist?worklist={number}")
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_text("2 of 2", exact=True)).to_be_visible()
    page.get_by_text("Open to a second reader").click()
    settle(page)
    page = log_in(browser, guarded, "cat")
    page.goto(f"{guarded.address}/worklist")
    page.locator(".st-key-shelf_of_others").get_by_role("button", name="Open").click()
    first = page.get_by_text("Read first by ann@example.org")
    expect(first).to_be_visible()
    assert page.get_by_text("agreed, by").count() == 0
    page.get_by_role("button", name="No: unlike").click()
    expect(first).not_to_be_visible()
    page.get_by_role("button", name="Previous", exact=False).first.click()
    expect(page.get_by_text("First reader: agreed, by ann@example.org")).to_be_visible()
    expect(page.get_by_text("The two readers disagree")).to_be_visible()


def test_jobs_and_worklists_of_somebody_else_are_refused_in_a_sentence(
    browser: Browser, guarded: LoginServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cat's link in Dan's hands, and in those of Cat herself and of an operator."""
    monkeypatch.setenv("NERO_HOME", str(guarded.home))
    job = jobs.draft()
    job.write("job.json", {"facts": {"name": "set.zip"}})
    with open_store() as store:
        add_job(store, "benchmark", "cat@example.org", place=places.server_id(), token=job.id)
        stop_job(store, job.id, "cat@example.org")
        line = NewItem("a" * 64, "frame.png")
        number = add_worklist(store, "Morning of Cat", "cat@example.org", "b" * 64, "nero", [line]).id
    for name, is_theirs in (("dan", False), ("cat", True)):
        page = log_in(browser, guarded, name)
        expect(page.get_by_text(f"{name}@example.org (reviewer)")).to_be_visible()
        page.goto(f"{guarded.address}/worklist?worklist={number}")
        expect(page.get_by_text("Morning of Cat") if is_theirs else page.get_by_text("Found none")).to_be_visible()
        page.goto(f"{guarded.address}/compare_methods?run={job.id}")
        expect(page.get_by_text("Stopped. Nothing was saved." if is_theirs else "somebody else")).to_be_visible()
        assert is_theirs or page.get_by_text("set.zip").count() == 0
    page = log_in(browser, guarded, "ann")
    expect(page.get_by_text("ann@example.org (operator)")).to_be_visible()
    page.goto(f"{guarded.address}/compare_methods?run={job.id}")
    expect(page.get_by_text("Stopped. Nothing was saved.")).to_be_visible()


@pytest.mark.parametrize("name", ["eve", "mallory"])
def test_who_is_not_on_the_list_or_not_verified_is_told_so(browser: Browser, guarded: Server, name: str) -> None:
    page = log_in(browser, guarded, name)
    expect(page.get_by_text("Not on the list")).to_be_visible()
    assert page.locator("input[type=file]").count() == 0


def test_every_answer_has_the_headers_and_no_log_a_secret(guarded: Server) -> None:
    for path in ("/", "/_stcore/health", "/favicon.png"):
        with urllib.request.urlopen(guarded.address + path, timeout=60) as answer:
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "secret-of-the-client" not in guarded.log and "s" * 64 not in guarded.log
