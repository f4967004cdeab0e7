"""What a clinician does, in a real browser."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.server import Browser, Server, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VERDICTS = ("Like the reference images", "Borderline", "Unlike the reference images")


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 80, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def upload(page: Page, *files: tuple[str, bytes]) -> None:
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    )


def expect_no_problems(page: Page) -> None:
    assert page.problems == []  # type: ignore[attr-defined]
    assert "Traceback" not in page.locator("body").inner_text()


def expect_no_sideways_scroll(page: Page) -> None:
    widths = page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.stMain').scrollWidth]")
    assert max(widths) <= page.viewport_size["width"]  # type: ignore[index]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_uploaded_png_gets_a_verdict_both_plots_and_eight_concepts(browser: Browser, server: Server, theme: str):
    page = browser.open(server.address, theme=theme)
    page.get_by_text("Drop an image above").wait_for()
    upload(page, ("frame_0412.png", png()))
    page.locator(".nero-verdict h2").wait_for()
    assert page.locator(".nero-verdict h2").inner_text() in VERDICTS
    expect(page.get_by_role("heading", name="frame_0412.png")).to_be_visible()
    expect(page.locator(".nero-concept")).to_have_count(8, timeout=120_000)
    settle(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    for name in ("Scores of the reference images", "Relevance of"):
        expect(page.get_by_role("figure", name=name)).to_be_visible()
    is_dark = page.evaluate(
        "getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/\\d+/g).slice(0, 3)"
        ".reduce((sum, part) => sum + Number(part), 0) < 384"
    )
    assert is_dark == (theme == "dark")
    edge = page.locator(".nero-verdict .symbol").evaluate(
        "symbol => { const style = getComputedStyle(symbol);"
        " return [style.webkitTextStrokeColor, parseFloat(style.webkitTextStrokeWidth) > 0]; }"
    )
    assert edge == ["rgb(26, 28, 32)", True]  # the text colour of the light theme, in both
    assert page.evaluate("[...document.images].every(image => image.alt && image.complete && image.naturalWidth > 0)")
    assert "frame_0412" not in page.url
    expect_no_problems(page)


def test_a_click_on_each_view_shows_its_map_and_its_closer_look(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps")
    page.locator(".nero-concept").first.wait_for()
    settle(page)
    for view, below in (("heatmap", "How faithful?"), ("evidence", "Missing evidence"), ("heatmap", "How faithful?")):
        page.get_by_role("radio", name=view).click()
        expect(page.locator(".st-key-closer_look").get_by_text(below).first).to_be_visible()
        settle(page)
        assert "not foreseen" not in page.locator("body").inner_text()
    page.get_by_role("radio", name="image", exact=True).click()
    expect(page.locator(".st-key-closer_look")).to_have_count(0)
    expect_no_problems(page)


def test_the_picture_keeps_its_aspect(browser: Browser, server: Server):
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    upload(page, ("wide.png", png()))
    for view in ("image", "heatmap", "evidence"):
        page.get_by_role("radio", name=view, exact=True).click()
        settle(page)
        width, height = page.locator(".nero-picture img").evaluate("image => [image.clientWidth, image.clientHeight]")
        assert width / height == pytest.approx(80 / 48, rel=0.02)
        if view == "image":  # shown larger than it is, so with hard pixels
            assert page.locator(".nero-picture img").evaluate("image => getComputedStyle(image).imageRendering") == (
                "pixelated"
            )
    expect(page.get_by_text("the map accounts for").first).to_be_visible()
    expect_no_problems(page)


def test_a_broken_file_is_named_next_to_the_uploader_and_the_good_one_is_scored(browser: Browser, server: Server):
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    upload(page, ("frame.png", png()), ("broken.png", png()[:90]), ("frame.png", png(1)))
    message = page.get_by_role("alert")
    message.wait_for()
    text = message.inner_text()
    assert "1 of 3 files cannot be read; the other 2 can." in text
    assert "broken.png: expected" in text
    page.locator(".nero-verdict").wait_for()
    page.get_by_text("1 of 2").wait_for()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="frame.png (2)")).to_be_visible()
    settle(page)
    expect_no_problems(page)


def test_a_hostile_name_is_only_a_name(browser: Browser, server: Server):
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    hostile = "<img src=x onerror=document.title='caught'>![x](q) :red[b] $a$.png"
    upload(page, (hostile, png()), (f"2{hostile}", b""))
    page.locator(".nero-concept").first.wait_for()
    settle(page)
    assert page.title() != "caught"
    expect(page.get_by_role("heading", name="onerror")).to_be_visible()
    assert "<img src=x" in page.get_by_role("alert").inner_text()
    expect_no_problems(page)


def test_a_narrow_screen_has_one_column_and_does_not_scroll_sideways(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps&view=heatmap&channel=3", width=390, height=844)
    expect(page.locator(".nero-concept")).to_have_count(9, timeout=120_000)
    settle(page)
    expect_no_sideways_scroll(page)
    image, verdict = (page.locator(f".st-key-{key}").bounding_box() for key in ("image_card", "verdict"))
    assert image is not None
    assert verdict is not None
    assert verdict["y"] >= image["y"] + image["height"]
    expect_no_problems(page)


def test_a_click_on_a_bar_opens_its_channel_and_the_url_says_so(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps", height=2400)
    expect(page.locator(".nero-concept")).to_have_count(8, timeout=120_000)
    settle(page)
    bar = page.locator(".st-key-channel_card .barlayer .point").first.bounding_box()
    assert bar is not None
    page.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    page.locator(".st-key-open_channel .nero-concept").wait_for()
    assert "channel=" in page.url
    expect_no_problems(page)


def test_samples_work_from_the_keyboard_and_back_goes_back(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps")
    expect(page.get_by_role("heading", name="polyps.jpg")).to_be_visible()
    settle(page)
    sample = page.get_by_role("button", name="normal-cecum")
    sample.focus()
    outline = sample.evaluate("button => getComputedStyle(button).outlineStyle + getComputedStyle(button).boxShadow")
    assert outline != "nonenone"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="normal-cecum.jpg")).to_be_visible()
    settle(page)
    page.get_by_role("radio", name="image", exact=True).focus()
    page.keyboard.press("Tab")  # to one that comes by keyboard the ring is shown
    page.keyboard.press("Shift+Tab")
    ring = page.evaluate(
        "(() => { const style = getComputedStyle(document.activeElement);"
        " return [style.outlineStyle, style.outlineWidth, style.outlineColor === style.color]; })()"
    )
    assert ring == ["solid", "3px", True]  # in the colour of the text, whatever the theme
    page.go_back()
    expect(page.get_by_role("heading", name="polyps.jpg")).to_be_visible()
    expect_no_problems(page)


def test_the_card_of_the_model_is_one_click_away(browser: Browser, server: Server):
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    page.get_by_role("link", name="About this model").click()
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    settle(page)
    expect_no_sideways_scroll(page)
    expect_no_problems(page)


def test_files_and_the_link_survive_a_visit_to_the_other_page(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?accept=91")
    page.get_by_text("Drop an image above").wait_for()
    upload(page, ("frame.png", png()), ("other.png", png(1)))
    page.locator(".nero-verdict").wait_for()
    settle(page)
    page.get_by_role("link", name="About this model").click()
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    page.get_by_role("link", name="Screen an image").click()
    expect(page.get_by_text("2 files from before")).to_be_visible()
    expect(page.get_by_role("heading", name="frame.png")).to_be_visible()
    expect(page.get_by_text("which 91")).to_be_visible()
    page.get_by_role("button", name="Remove these files").click()
    page.get_by_text("Drop an image above").wait_for()
    expect_no_problems(page)


def test_a_missing_bundle_is_a_sentence(browser: Browser, tmp_path: Path):
    with Server(tmp_path / "gone", NERO_DEVICE="cpu", NERO_BUNDLES="") as server:
        page = browser.open(server.address)
        expect(page.get_by_role("alert")).to_contain_text("no such folder")
        expect(page.get_by_text("Choose another reference set")).to_be_visible()
        expect_no_problems(page)
    assert "Traceback" not in server.log


def test_a_visit_to_the_card_keeps_the_sample_and_the_settings(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps&accept=91")
    page.locator(".nero-verdict").wait_for()
    page.get_by_role("link", name="About this model").click()
    page.get_by_role("heading", name="Licences").wait_for()
    page.get_by_role("link", name="Screen an image").click()
    page.locator(".nero-verdict").wait_for()
    assert "sample=polyps" in page.url and "accept=91" in page.url


def test_no_verdict_and_no_picture_of_the_one_stands_beside_the_name_of_the_other(
    browser: Browser, server: Server, holds: Path
):
    """On a server that takes its time."""
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    upload(page, ("first.png", png(1)), ("second.png", png(2)))
    cards = [page.locator(".nero-verdict h2"), page.get_by_role("img", name=re.compile("^The image"))]
    expect(page.get_by_role("heading", name="first.png")).to_be_visible()
    settle(page)
    for card in cards:
        expect(card).to_be_visible()
    hold = holds / "verdicts"
    hold.touch()
    try:
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="second.png")).to_be_visible()
        for card in cards:
            assert not card.first.is_visible()
        page.wait_for_timeout(2000)  # as a slow server takes
        for card in cards:
            assert not card.first.is_visible()
    finally:
        hold.unlink()
    for card in cards:
        expect(card).to_be_visible()
    expect(page.get_by_role("img", name="The image second.png")).to_be_visible()
    settle(page)
    expect_no_problems(page)


def test_the_disclaimer_is_seen_on_a_phone(browser: Browser, server: Server):
    page = browser.open(server.address, width=390, height=844)
    page.get_by_text("Drop an image above").wait_for()
    expect(page.locator(".nero-disclaimer")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 1000})
    expect(page.locator(".nero-disclaimer")).to_be_hidden()  # the side bar says it
