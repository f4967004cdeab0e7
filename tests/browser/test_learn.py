"""What a teacher does, in a real browser: by keyboard alone, with a mouse, and in the quiz."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Browser, Server, settle
from tests.browser.test_screen_an_image import expect_no_problems, expect_no_sideways_scroll

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STEPS = ("features", "logits", "relevance", "centroid", "distance", "scale", "verdict", "depths")


def score(page: Page) -> str:
    return page.locator(".st-key-perturb_pictures dd").first.inner_text()


def wait_for_another_score(page: Page, before: str) -> None:
    expect(page.locator(".st-key-perturb_pictures dd").first).not_to_have_text(before)


def focused(page: Page) -> str:
    """The key of the widget that has the keyboard's focus; empty where it is the page itself."""
    return str(
        page.evaluate(
            "document.activeElement.closest('.stElementContainer[class*=st-key-]')?.className"
            ".match(/st-key-(\\S+)/)[1] ?? ''"
        )
    )


def tab_to(page: Page, key: str, most: int = 60) -> None:
    """Press Tab until the widget of this key has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page) == key:
            return
    raise AssertionError(f"{most} tabs did not reach {key}.")


def open_perturb(browser: Browser, server: Server, **settings: object) -> Page:
    page = browser.open(f"{server.address}/learn?part=Perturb%20and%20watch&sample=normal-cecum", **settings)
    page.locator(".st-key-perturb_pictures .nero-verdict").wait_for()
    page.locator(".st-key-perturb_channels .js-plotly-plot").wait_for()
    settle(page)
    return page


def test_the_steps_by_keyboard_alone(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/learn?sample=polyps", theme="dark")
    for place, name in enumerate(STEPS, 1):
        expect(page.get_by_role("heading", name=f"Step {place} of {len(STEPS)}")).to_be_visible()
        expect(page.locator(".st-key-lesson .katex").first).to_be_visible()
        expect(page.locator(".st-key-lesson .js-plotly-plot")).to_have_count(1)
        settle(page)
        assert (f"step={name}" in page.url) == (place > 1)
        expect(page.locator(".st-key-lesson .katex-error")).to_have_count(0)
        if place == 1:
            tab_to(page, "lesson_next")
        assert focused(page) == "lesson_next"
        page.keyboard.press("Enter")
    expect(page.get_by_role("slider", name="Blur, % of the side")).to_be_visible()
    settle(page)
    assert focused(page) == "lesson_next"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Picture 1:")).to_be_visible()
    settle(page)
    assert focused(page) == "lesson_next"
    expect_no_problems(page)


def test_a_slider_moves_the_lesson_by_keyboard(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/learn?sample=polyps&step=scale")
    page.locator(".st-key-lesson .js-plotly-plot").wait_for()
    settle(page)
    before = page.locator(".st-key-lesson .katex-display").inner_text()
    page.get_by_role("slider", name="k").focus()
    page.keyboard.press("Home")
    expect(page.locator(".st-key-lesson .katex-display")).not_to_have_text(before)
    settle(page)
    assert "lesson_k=1" in page.url
    expect_no_problems(page)


def test_a_perturbation_moves_the_score_and_undo_takes_it_back_by_keyboard(browser: Browser, server: Server):
    page = open_perturb(browser, server)
    before = score(page)
    assert before.endswith("unchanged")
    page.get_by_role("slider", name="Blur, % of the side").focus()
    page.keyboard.press("End")
    wait_for_another_score(page, before)
    settle(page)
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-perturb_pictures dd").first).to_have_text(before)
    expect_no_problems(page)


def test_a_rectangle_dragged_on_the_picture_hides_what_is_under_it(browser: Browser, server: Server):
    page = open_perturb(browser, server)
    before = score(page)
    picture = page.locator(".st-key-perturb_pictures .js-plotly-plot")
    picture.scroll_into_view_if_needed()
    settle(page)
    box = picture.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x, y, steps=4)
    page.mouse.move(x + 60, y + 60, steps=4)
    page.mouse.up()
    wait_for_another_score(page, before)
    settle(page)
    width, height = (
        int(page.locator(f".st-key-occluded_{side} [data-testid=stSliderThumbValue]").inner_text())
        for side in ("width", "height")
    )
    assert 30 < width < 60  # 120 pixels of a square of some 270
    assert abs(width - height) <= 2
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".st-key-perturb_pictures dd").first).to_have_text(before)
    expect_no_problems(page)


def test_a_projector_shows_control_formula_and_plot_of_a_step_at_once(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/learn?sample=polyps&large_type=true", width=1280, height=720)
    control = ".st-key-lesson :is([data-testid=stSlider], [data-testid=stSelectbox])"
    for place, step in enumerate(STEPS, 1):
        if place > 1:
            page.locator(".st-key-step").get_by_role("radio").nth(place - 1).click()
        expect(page.get_by_role("heading", name=f"Step {place} of {len(STEPS)}")).to_be_visible()
        expect(page.locator(".st-key-lesson .js-plotly-plot")).to_have_count(1)
        page.locator(".stMain").evaluate("page => page.scrollTo(0, 0)")
        settle(page)
        for selector in (control, ".st-key-lesson .katex-display", *([".nero-scale"] if step == "verdict" else [])):
            box = page.locator(selector).first.bounding_box()
            assert box["y"] + box["height"] <= 720, (step, selector)
        plot = page.locator(".st-key-lesson .js-plotly-plot").bounding_box()
        assert (720 - plot["y"]) / plot["height"] > 0.9, step
        expect_no_sideways_scroll(page)


def test_the_verdict_stays_in_sight_of_the_last_slider(browser: Browser, server: Server):
    for width, height, shown in ((1280, 720, ".st-key-perturb_pictures .nero-verdict"), (390, 844, ".nero-line")):
        page = open_perturb(browser, server, width=width, height=height)
        slider = page.locator(".st-key-fill")
        slider.evaluate("one => one.scrollIntoView({block: 'end'})")
        settle(page)
        expect(slider).to_be_in_viewport()
        expect(page.locator(shown)).to_be_in_viewport(ratio=1)
        seen = page.locator(shown).evaluate(
            "one => { const box = one.getBoundingClientRect();"
            " return one.contains(document.elementFromPoint(box.x + 20, box.y + box.height / 2)); }"
        )
        assert seen, "Something lies over the verdict."


def test_the_heatmap_follows_and_the_page_fits_a_narrow_screen(browser: Browser, server: Server):
    page = open_perturb(browser, server, width=390, height=844)
    page.locator(".st-key-perturbed_map label").click()
    expect(page.get_by_text("the map adds up to")).to_be_visible()
    settle(page)
    assert page.evaluate("[...document.images].every(image => image.alt && image.complete && image.naturalWidth > 0)")
    expect_no_sideways_scroll(page)
    expect_no_problems(page)


def test_full_screen_has_no_side_bar_and_escape_brings_it_back(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/learn?full_screen=true&part=Quiz", width=1280)
    side, disclaimer = page.get_by_test_id("stSidebar"), page.locator(".nero-disclaimer")
    expect(page.get_by_role("heading", name="Learn", exact=True)).to_be_visible()
    settle(page)
    expect(side).to_be_hidden()
    expect(disclaimer).to_be_visible()
    page.keyboard.press("Escape")
    expect(side).to_be_visible()
    settle(page)
    assert "full_screen" not in page.url
    page.get_by_text("Full screen").click()
    expect(side).to_be_hidden()
    settle(page)
    assert "full_screen=true" in page.url
    page.get_by_role("button", name="OOD", exact=False).click()
    expect(page.get_by_text("of 1 right").first).to_be_visible()
    settle(page)
    page.reload()
    expect(page.get_by_text("of 1 right").first).to_be_visible()
    expect(side).to_be_hidden()
    expect_no_problems(page)


def test_the_quiz_keeps_a_tally_by_keyboard(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/learn?part=Quiz&quiz=3", theme="dark")
    expect(page.get_by_role("heading", name="Picture 1:")).to_be_visible()
    settle(page)
    tab_to(page, "quiz_id")
    for number, key in ((1, "quiz_id"), (2, "quiz_ood"), (3, "quiz_ood")):
        expect(page.get_by_role("heading", name=f"Picture {number}:")).to_be_visible()
        settle(page)
        if focused(page) != key:
            page.keyboard.press("Tab")  # from one answer to the other
        assert focused(page) == key
        page.keyboard.press("Enter")
        expect(page.get_by_text("drawn as")).to_be_visible()
        expect(page.get_by_text(f"of {number} right")).to_have_count(5)
        settle(page)
        assert focused(page) == key
        expect(page.get_by_role("button", name="Next picture")).to_be_focused()
        expect(page.locator("[class*=st-key-quiz_] button:disabled")).to_have_count(1)
        page.keyboard.press("Enter")
    expect_no_problems(page)


def test_what_if_moves_the_figures_and_its_link_opens_them_again(browser: Browser, server: Server):
    page = browser.open(f"{server.address}/?sample=polyps&whatif=true")
    panel = page.locator(".st-key-what_if")
    panel.locator(".js-plotly-plot").nth(1).wait_for()
    settle(page)
    shown = panel.locator(".st-key-what_if_found .infolayer .annotation-text").last
    before = str(shown.text_content())
    page.get_by_role("slider", name="k, channels").focus()
    page.keyboard.press("Home")
    expect(shown).not_to_have_text(before)
    settle(page)
    assert "whatif_k=1" in page.url
    moved = str(shown.text_content())
    page.goto(panel.locator("code").inner_text())
    expect(page.locator(".st-key-what_if_found .infolayer .annotation-text").last).to_have_text(moved)
    settle(page)
    expect_no_problems(page)
