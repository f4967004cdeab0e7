"""A page that stood open while the server was started anew."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.server import Browser, Server, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_page_left_open_says_so_and_comes_back_with_its_settings(browser: Browser, tiny_bundle: Path, tmp_path: Path):
    surroundings = {"NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_HOME": str(tmp_path)}
    first, second = (Server(tiny_bundle, **surroundings) for _ in range(2))
    second.port, second.address = first.port, first.address
    with first:
        page = browser.open(f"{first.address}/learn?step=scale&lesson_k=9&sample=polyps")
        page.get_by_role("heading", name="Step 6 of 7").wait_for()
        settle(page)
        page.wait_for_timeout(5_000)  # longer than between two looks: while the server runs nothing is said
        expect(page.locator(".nero-restarted")).to_have_count(0)
    with second:
        notice = page.get_by_role("alert").filter(has_text="started anew")
        expect(notice).to_be_visible(timeout=90_000)
        notice.get_by_role("button", name="Reload").click()
        page.get_by_role("heading", name="Step 6 of 7").wait_for()
        settle(page)
        assert "lesson_k=9" in page.url
        expect(page.locator(".nero-restarted")).to_have_count(0)
    page.context.close()
