"""Pages that stood open while the server was restarted, and those that came before it was ready."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Browser, Server, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def look_at_the_server(page: Page) -> None:
    """Wait until the page has looked whether the server is still the same."""
    mark = page.locator(".st-key-alive img").evaluate("image => image.src")
    with page.expect_response(lambda answer: answer.url == mark and answer.request.resource_type == "fetch") as looked:
        pass
    looked.value.finished()


def one_after_the_other(bundle: Path, home: Path, hold: Path) -> tuple[Server, Server]:
    """Two servers of one address, one after the other; imports of the first wait while ``hold`` is there."""
    surroundings = {"NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_HOME": str(home)}
    first = Server(bundle, entry="tests.browser.gated_server", NERO_TEST_IMPORTS=str(hold), **surroundings)
    second = Server(bundle, **surroundings)
    second.port, second.address = first.port, first.address
    return first, second


def test_pages_say_that_their_server_starts_stopped_and_was_restarted_and_come_back_with_their_settings(
    browser: Browser, wide_bundle: Path, tmp_path: Path
):
    """One life of a server, since each start takes seconds: it imports, it runs, it is gone, and there is another."""
    hold = tmp_path / "hold"
    hold.touch()
    first, second = one_after_the_other(wide_bundle, tmp_path / "home", hold)
    with first:
        early = browser.open(first.address)
        expect(early.get_by_text("The server is starting")).to_be_visible()
        hold.unlink()
        expect(early.get_by_text("Drop an image above")).to_be_visible(timeout=90_000)
        settle(early)
        expect(early.get_by_text("The server is starting")).to_have_count(0)
        early.close()
        lesson = browser.open(f"{first.address}/learn?step=scale&lesson_k=9&sample=polyps")
        lesson.get_by_role("heading", name="Step 6 of 8").wait_for()
        explorer = browser.open(f"{first.address}/neuron_explorer?channel=7")
        expect(explorer.get_by_role("heading", name="Channel 7", exact=True)).to_be_visible()
        about = browser.open(f"{first.address}/about_this_model")
        for page in (explorer, about, lesson):
            settle(page)
        for page in (about, lesson):
            look_at_the_server(page)
            expect(page.locator(".nero-restarted")).to_have_count(0)  # while the server runs nothing is said
    stopped = about.get_by_role("alert").filter(has_text="The server has stopped")
    expect(stopped).to_be_visible(timeout=60_000)
    expect(about.get_by_text("streamlit run")).to_be_hidden()
    with second:
        notice = lesson.get_by_role("alert").filter(has_text="restarted")
        expect(notice).to_be_visible(timeout=90_000)
        expect(stopped).to_have_count(0, timeout=90_000)
        notice.get_by_role("button", name="Reload").click()
        lesson.get_by_role("heading", name="Step 6 of 8").wait_for()
        settle(lesson)
        assert "lesson_k=9" in lesson.url
        expect(lesson.locator(".nero-restarted")).to_have_count(0)
        # The new server knows nothing of this session: the first click only brings the page back, the next one works.
        settle(explorer)
        for _ in range(4):
            if not explorer.locator(".grid a").count():
                # At once or not at all: the page that comes back by itself has no such button.
                button = explorer.get_by_role("button", name="All channels")
                button.evaluate_all("found => found.forEach(button => button.click())")
                settle(explorer)
        expect(explorer.locator(".grid a")).to_have_count(48)
        assert "channel=" not in explorer.url
        assert "not foreseen" not in explorer.locator("body").inner_text()
    assert "Traceback" not in second.log
