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


def one_after_the_other(bundle: Path, home: Path) -> tuple[Server, Server]:
    """Two servers of one address, to be started one after the other."""
    surroundings = {"NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_HOME": str(home)}
    first, second = (Server(bundle, **surroundings) for _ in range(2))
    second.port, second.address = first.port, first.address
    return first, second


def test_a_page_left_open_says_so_and_comes_back_with_its_settings_and_a_click_brings_another_back(
    browser: Browser, wide_bundle: Path, tmp_path: Path
):
    first, second = one_after_the_other(wide_bundle, tmp_path)
    with first:
        lesson = browser.open(f"{first.address}/learn?step=scale&lesson_k=9&sample=polyps")
        lesson.get_by_role("heading", name="Step 6 of 8").wait_for()
        explorer = browser.open(f"{first.address}/neuron_explorer?channel=7")
        expect(explorer.get_by_role("heading", name="Channel 7", exact=True)).to_be_visible()
        settle(explorer)
        settle(lesson)
        look_at_the_server(lesson)
        expect(lesson.locator(".nero-restarted")).to_have_count(0)  # while the server runs nothing is said
    with second:
        notice = lesson.get_by_role("alert").filter(has_text="restarted")
        expect(notice).to_be_visible(timeout=90_000)
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


def test_a_page_whose_server_has_stopped_says_so_in_words_for_its_reader_and_comes_back(
    browser: Browser, wide_bundle: Path, tmp_path: Path
):
    first, second = one_after_the_other(wide_bundle, tmp_path)
    with first:
        page = browser.open(f"{first.address}/about_this_model")
        settle(page)
        look_at_the_server(page)
    notice = page.get_by_role("alert").filter(has_text="The server has stopped")
    expect(notice).to_be_visible(timeout=60_000)
    expect(page.get_by_text("streamlit run")).to_be_hidden()
    with second:
        expect(notice).to_have_count(0, timeout=90_000)


def test_who_comes_while_the_server_still_imports_reads_so_at_once(browser: Browser, wide_bundle: Path, tmp_path: Path):
    hold = tmp_path / "hold"
    hold.touch()
    surroundings = {
        "NERO_DEVICE": "cpu",
        "NERO_BUNDLES": "",
        "NERO_HOME": str(tmp_path),
        "NERO_TEST_IMPORTS": str(hold),
    }
    with Server(wide_bundle, entry="tests.browser.gated_server", **surroundings) as server:
        page = browser.open(server.address)
        expect(page.get_by_text("The server is starting")).to_be_visible()
        hold.unlink()
        expect(page.get_by_text("Drop an image above")).to_be_visible(timeout=90_000)
        settle(page)
        expect(page.get_by_text("The server is starting")).to_have_count(0)
