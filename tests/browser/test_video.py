"""A video in a real browser: its timeline, and a click on a point, which shows the frame."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.server import Browser, Server, settle
from tests.nero_core.video.clips import drawn, write_clip

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_click_on_a_point_of_the_timeline_shows_its_frame(browser: Browser, server: Server, tmp_path: Path):
    clip = write_clip(tmp_path / "clip.avi", [drawn()] * 10 + [drawn("polyps", 4)] * 10, rate=5)
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    page.locator("input[type=file]").set_input_files(
        [{"name": "clip.avi", "mimeType": "video/x-msvideo", "buffer": clip.read_bytes()}]
    )
    chart = page.locator(".st-key-video_0 .js-plotly-plot")
    chart.wait_for()
    expect(page.locator(".st-key-video_0").get_by_text("8 looked at, 8 scored")).to_be_visible()
    settle(page)
    points = chart.locator(".scatterlayer .point")
    expect(points).to_have_count(8)
    right = max(points.all(), key=lambda point: point.bounding_box()["x"])
    box = right.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_role("heading", name="clip.avi · 00:03.60")).to_be_visible()
    page.locator(".nero-verdict h2").wait_for()
    settle(page)
    expect(chart.locator(".legend")).to_contain_text(re.compile("shown below"))
    assert page.problems == []
