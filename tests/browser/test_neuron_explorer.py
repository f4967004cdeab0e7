"""What a researcher does on the page of neurons, in a real browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from nero_core import Explorer, Inspector
from tests.browser.server import Browser, Server, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

POINT = "svg.plane .point"


def opened(browser: Browser, server: Server, query: str, width: int = 1440, theme: str = "light") -> Page:
    page = browser.open(f"{server.address}/neuron_explorer?{query}", width=width, theme=theme)
    expect(page.get_by_role("heading", name="Neuron explorer")).to_be_visible()
    settle(page)
    return page


def expect_no_problems(page: Page) -> None:
    assert page.problems == []  # type: ignore[attr-defined]
    text = page.locator("body").inner_text()
    assert "Traceback" not in text
    assert "not foreseen" not in text


def centre(locator: Locator) -> tuple[float, float]:
    box = locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def lasso(page: Page, part: float = 1.0) -> None:
    """Draws around the left ``part`` of the plane with the mouse."""
    page.locator("svg.plane").scroll_into_view_if_needed()
    box = page.locator("svg.plane").bounding_box()
    assert box is not None
    left, top, right, bottom = (
        box["x"] + 2,
        box["y"] + 2,
        box["x"] + part * box["width"] - 3,
        box["y"] + box["height"] - 3,
    )
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()


def test_a_link_reopens_a_channel_and_back_shows_all(browser: Browser, server: Server):
    page = opened(browser, server, "bundle=tiny&channel=7&sample=polyps")
    for name in ("Channel 7", "In polyps.jpg", "Reference images", "One layer down"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    page.get_by_role("button", name="All channels").click()
    expect(page.locator(".grid a")).to_have_count(48)
    settle(page)
    assert "channel=" not in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Channel 7", exact=True)).to_be_visible()
    settle(page)
    assert page.evaluate("[...document.images].every(image => image.alt && image.complete && image.naturalWidth > 0)")
    expect_no_problems(page)


def test_one_click_is_one_step_back(browser: Browser, server: Server):
    page = opened(browser, server, "sample=polyps&grid_sort=class+selectivity")
    page.locator(".grid a").nth(3).click()
    page.locator(".st-key-channel_neighbours").wait_for()
    settle(page)
    first = page.url
    page.get_by_role("button", name="Next").click()
    page.wait_for_url(lambda address: address != first)
    settle(page)
    page.go_back()
    page.wait_for_url(first)
    settle(page)
    page.go_back()
    expect(page.locator(".grid a").first).to_be_visible()
    settle(page)
    assert "grid_sort=class" in page.url
    assert "channel=" not in page.url


@pytest.mark.parametrize("channel", ["99999", "abc", "-1"])
def test_a_channel_that_does_not_exist_is_a_sentence_over_the_grid(browser: Browser, server: Server, channel: str):
    page = opened(browser, server, f"channel={channel}")
    expect(page.get_by_role("alert")).to_contain_text("Expected a number from 0 to 511")
    expect(page.locator(".grid a")).to_have_count(48)
    expect_no_problems(page)


def test_a_tile_opens_from_the_keyboard_and_its_address_opens_it_elsewhere(browser: Browser, server: Server):
    page = opened(browser, server, "grid_sort=channel")
    tile = page.locator(".grid a").nth(5)
    address = tile.get_attribute("href")
    assert address is not None
    tile.focus()
    assert tile.evaluate("link => getComputedStyle(link).outlineStyle") != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Channel 5", exact=True)).to_be_visible()
    settle(page)
    assert "channel=5" in page.url
    expect_no_problems(page)
    page.goto(address)
    expect(page.get_by_role("heading", name="Channel 5", exact=True)).to_be_visible()


def test_a_unit_of_the_pca_map_is_as_long_on_both_axes(browser: Browser, server: Server, wide_inspector: Inspector):
    points = Explorer(wide_inspector).relevance_map("pca").coordinates
    for width in (1440, 390):
        page = opened(browser, server, "look=image+map&bundle=tiny", width)
        expect(page.locator(POINT)).to_have_count(len(points))
        drawn = page.locator(POINT).evaluate_all(
            "all => all.map(one => [...one.getAttribute('transform').match(/-?[0-9.]+/g).map(Number),"
            " one.classList.contains('far')])"
        )
        near = [row for row, (_, _, is_far) in enumerate(drawn) if not is_far]
        assert len(near) > len(points) / 2
        right, up = (float(np.polyfit(points[near, axis], [drawn[row][axis] for row in near], 1)[0]) for axis in (0, 1))
        assert right > 0
        assert right == pytest.approx(-up, rel=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_point_under_the_pointer_shows_its_picture(browser: Browser, server: Server, theme: str):
    page = opened(browser, server, "look=image+map&sample=polyps", theme=theme)
    point = page.locator(POINT).nth(3)
    point.scroll_into_view_if_needed()
    page.mouse.move(*centre(point))
    tip = page.locator(".tip")
    expect(tip).to_be_visible()
    box, (x, y) = tip.bounding_box(), centre(point)
    assert box is not None
    assert abs(box["x"] + box["width"] / 2 - x) < 100  # beside its point, above or below
    assert min(abs(box["y"] + box["height"] - y), abs(box["y"] - y)) < 40
    expect(tip).to_contain_text(re.compile("normal-(cecum|pylorus|z-line), [0-9a-f]{8}"))
    background = tip.locator(".picture").evaluate("picture => getComputedStyle(picture).backgroundImage")
    assert background.startswith('url("data:image/webp;base64,')
    size = page.evaluate(
        "uri => new Promise(done => { const image = new Image(); image.onload = () => done(image.width);"
        " image.onerror = () => done(0); image.src = uri; })",
        background[5:-2],
    )
    assert size > 0
    expect(page.locator("svg.plane .here")).to_have_count(1)
    expect(page.locator("svg.plane .ring")).to_have_count(8)
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    expect_no_problems(page)


def test_ood_images_stand_beside_the_reference_images_with_words_and_are_not_chosen(browser: Browser, server: Server):
    page = opened(browser, server, "look=image+map")
    count, crosses = page.locator(POINT).count(), page.locator("svg.plane .beside")
    assert crosses.count() > 0
    expect(page.locator(".map .legend")).to_contain_text(f"OOD images ({crosses.count()})")
    inside = page.locator("svg.plane .beside:not(.far)").first
    inside.scroll_into_view_if_needed()
    page.mouse.move(*centre(inside))
    expect(page.locator(".tip")).to_be_visible()
    lasso(page)
    expect(page.locator(".st-key-chosen_images")).to_contain_text(f"{count} images chosen: ")
    page.get_by_text("OOD images of the reference set").click()
    expect(crosses).to_have_count(0)
    expect(page.locator(POINT)).to_have_count(count)
    assert "map_ood=false" in page.url
    expect_no_problems(page)


def test_a_lasso_gathers_images_and_says_how_many_of_each_class(browser: Browser, server: Server):
    page = opened(browser, server, "look=image+map")
    count = page.locator(POINT).count()
    lasso(page)
    chosen = page.locator(".st-key-chosen_images")
    expect(chosen).to_contain_text(f"{count} images chosen: ")
    expect(chosen.locator("figure img")).to_have_count(count)
    lasso(page, part=0.5)
    expect(chosen).not_to_contain_text(f"{count} images chosen: ")
    chosen_count = page.locator(f"{POINT}.chosen").count()
    assert 0 < chosen_count < count
    expect(chosen.locator("figure img")).to_have_count(chosen_count)
    page.get_by_role("button", name="Zoom to the chosen images").click()
    expect(page.locator(f"{POINT}.chosen.out")).to_have_count(0)
    page.get_by_role("button", name="Choose none").click()
    expect(page.get_by_text("Choose points on the map")).to_be_visible()
    expect_no_problems(page)


def test_chosen_points_stay_chosen_when_the_map_is_drawn_for_another_image(browser: Browser, server: Server):
    page = opened(browser, server, "look=image+map")
    lasso(page, part=0.5)
    chosen = page.locator(".st-key-chosen_images")
    expect(chosen).to_contain_text("images chosen: ")
    chosen_count = page.locator(f"{POINT}.chosen").count()
    page.get_by_role("button", name="Choose an image").click()
    page.get_by_role("button", name="polyps").click()
    page.keyboard.press("Escape")
    expect(page.locator("svg.plane .here")).to_have_count(1)
    settle(page)
    expect(page.locator(f"{POINT}.chosen")).to_have_count(chosen_count)
    expect(chosen.locator("figure img")).to_have_count(chosen_count)
    page.get_by_role("button", name="Choose none").click()
    expect(page.get_by_text("Choose points on the map")).to_be_visible()
    expect_no_problems(page)


def test_the_map_works_by_keyboard_alone(browser: Browser, server: Server):
    page = opened(browser, server, "look=image+map&sample=polyps")
    plane = page.locator("svg.plane")
    plane.focus()
    live_region = page.locator(".map .said")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip")).to_be_visible()
    first = live_region.inner_text()
    page.keyboard.press("ArrowLeft")
    assert live_region.inner_text() != first
    page.keyboard.press("Enter")
    chosen = page.locator(".st-key-chosen_images")
    expect(chosen).to_contain_text("1 image chosen")
    settle(page)
    page.keyboard.press("Shift+Enter")  # the focus is still on the map after the page has run
    expect(chosen).to_contain_text("12 images chosen")
    expect(page.locator(".tip")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".tip")).to_be_hidden()
    expect(chosen).to_contain_text("12 images chosen")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Choose points on the map")).to_be_visible()
    expect_no_problems(page)


def test_two_channels_stand_side_by_side(browser: Browser, server: Server):
    page = opened(browser, server, "channel=7&other=9&sample=polyps")
    boxes = [page.get_by_role("heading", name=f"Channel {channel}", exact=True).bounding_box() for channel in (7, 9)]
    assert boxes[0] is not None and boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[1]["x"] > boxes[0]["x"]
    expect_no_problems(page)


@pytest.mark.parametrize("query", ["channel=7&sample=polyps", "look=image+map&sample=polyps", ""])
def test_a_narrow_screen_does_not_scroll_sideways(browser: Browser, server: Server, query: str):
    page = opened(browser, server, query, width=390)
    widths = page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.stMain').scrollWidth]")
    assert max(widths) <= 390
    expect_no_problems(page)


def test_the_page_of_an_image_leads_to_its_channel(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps&channel=3")
    page.get_by_role("link", name="Open in the neuron explorer").click()
    expect(page.get_by_role("heading", name="Channel 3", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="In polyps.jpg")).to_be_visible()
    settle(page)
    assert "sample=polyps" in page.url and "channel=3" in page.url
    expect_no_problems(page)


def test_what_a_link_chose_stays_chosen_on_the_other_pages_and_on_the_way_back(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps&bundle=other&method=mahalanobis&accept=92&large_type=true")
    side = page.get_by_test_id("stSidebar")
    chosen = side.get_by_test_id("stSelectbox").filter(has_text="Reference set")
    expect(chosen.get_by_role("combobox")).to_have_value("other")
    settle(page)
    side.get_by_role("link", name="Neuron explorer").click()
    expect(page.get_by_role("heading", name="Neuron explorer")).to_be_visible()
    settle(page)
    expect(chosen.get_by_role("combobox")).to_have_value("other")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "20px"
    side.get_by_role("link", name="Screen an image").click()
    settle(page)
    expect(chosen.get_by_role("combobox")).to_have_value("other")
    for setting in ("bundle=other", "method=mahalanobis", "accept=92", "large_type=true", "sample=polyps"):
        assert setting in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Neuron explorer")).to_be_visible()
    settle(page)
    expect(chosen.get_by_role("combobox")).to_have_value("other")
    chosen.get_by_role("combobox").click()
    page.get_by_role("option", name="tiny").click()
    settle(page)
    side.get_by_role("link", name="Screen an image").click()
    settle(page)
    expect(chosen.get_by_role("combobox")).to_have_value("tiny")
    expect_no_problems(page)


def test_a_map_is_stopped_told_to_others_begun_again_and_goes_on_after_a_reload(
    browser: Browser, server: Server, holds: Path
):
    hold = holds / "maps"
    hold.touch()
    try:
        viewer, other = (opened(browser, server, "look=image+map&map=UMAP") for _ in range(2))
        main = viewer.get_by_test_id("stMainBlockContainer")
        expect(other.get_by_text("Laying out").first).to_be_visible()
        main.get_by_role("button", name="Stop").click()
        expect(viewer.locator("svg.plane")).to_be_visible()
        expect(viewer.get_by_text("two directions of largest variance")).to_be_visible()
        expect(main.get_by_role("button", name="Stop")).to_have_count(0)
        settle(viewer)
        assert "map=UMAP" not in viewer.url
        expect(other.get_by_text("Anyone who waits for it can stop it")).to_be_visible()
        other.get_by_role("button", name="Begin again").click()
        expect(other.get_by_text("Laying out").first).to_be_visible()
        other.reload()
        expect(other.get_by_text("Laying out").first).to_be_visible()
    finally:
        hold.unlink()
    expect(other.get_by_text("Which images are near each other")).to_be_visible(timeout=240_000)
    for page in (viewer, other):
        expect_no_problems(page)
