"""Methods side by side, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.server import Browser, Server, settle
from tests.browser.test_screen_an_image import expect_no_problems, expect_no_sideways_scroll

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_sample_comes_along_and_every_method_is_compared_on_a_narrow_screen_too(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps", theme="dark")
    page.locator(".nero-verdict").wait_for()
    page.get_by_role("link", name="Compare methods").click()
    page.get_by_role("button", name="Compare now").or_(page.locator(".st-key-benchmark")).first.wait_for()
    if page.get_by_role("button", name="Compare now").count():  # a reference set that keeps no comparison
        page.get_by_role("button", name="Compare now").click()
    expect(page.locator(".st-key-benchmark")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("separates them best")).to_be_visible()
    expect(page.locator(".nero-methods tr.ours")).to_have_count(1, timeout=240_000)
    page.get_by_text("Ask all").click()
    expect(page.locator(".nero-methods tbody tr").nth(19)).to_be_visible(timeout=240_000)
    settle(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    p_values = page.locator(".nero-methods td.p").all_inner_texts()
    assert len(p_values) >= 20
    assert [float(text) for text in p_values] == sorted(float(text) for text in p_values)
    # numbers in cells keep the dark colour that their cells ask for, whatever the theme
    number = page.locator(".st-key-class_heat .heatmap-label text").first
    assert number.evaluate("text => getComputedStyle(text).fill") == "rgb(26, 28, 32)"
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    expect_no_sideways_scroll(page)
    assert "sample=polyps" in page.url
    expect_no_problems(page)


def test_the_tpr_goes_along_by_link_back_and_reload(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps")
    page.locator(".nero-verdict").wait_for()
    settle(page)
    side = page.get_by_test_id("stSidebar")
    slider = side.get_by_role("slider", name="Share of reference images that should pass (%)")

    def shows(percents: str) -> None:
        settle(page)
        if not slider.is_visible():
            side.get_by_text("Research options").click()
        expect(slider).to_have_attribute("aria-valuetext", percents)
        assert ("accept=" in page.url) == (percents != "95")
        assert percents == "95" or f"accept={percents}" in page.url

    shows("95")
    slider.press("ArrowLeft")
    shows("94")
    side.get_by_role("link", name="Compare methods").click()
    expect(page.get_by_role("heading", name="Compare methods", exact=True)).to_be_visible()
    shows("94")
    slider.press("ArrowLeft")
    shows("93")
    page.reload()
    expect(page.get_by_role("heading", name="Compare methods", exact=True)).to_be_visible()
    shows("93")
    side.get_by_role("link", name="Screen an image").click()
    expect(page.get_by_role("heading", name="Screen an image", exact=True)).to_be_visible()
    shows("93")
    page.go_back()
    expect(page.get_by_role("heading", name="Compare methods", exact=True)).to_be_visible()
    shows("93")
    expect_no_problems(page)
