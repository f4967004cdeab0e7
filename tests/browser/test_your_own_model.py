"""From a checkpoint and a zip to a reference set, in a real browser."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.server import Browser, Server, settle
from tests.browser.test_screen_an_image import expect_no_problems, expect_no_sideways_scroll

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_reference_set_is_made_survives_a_reload_and_is_removed(
    browser: Browser, server: Server, tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
):
    archive = shutil.make_archive(str(tmp_path / "id"), "zip", phantoms / "id")
    page = browser.open(server.address)
    page.get_by_text("Drop an image above").wait_for()
    page.get_by_role("link", name="Your own model").click()
    page.get_by_text("4 · Make it").wait_for()
    settle(page)
    expect(page.get_by_role("button", name="Make the reference set")).to_be_disabled()
    page.locator(".st-key-step_images input[type=file]").set_input_files(archive)
    page.get_by_text("48 images of 3 classes").wait_for()
    weights, _ = page.locator(".st-key-step_classifier input[type=file]").all()  # and the place of model.json
    weights.set_input_files(tiny_checkpoint / "model.safetensors")
    page.locator(".st-key-step_classifier").get_by_text("model.safetensors").wait_for()
    settle(page)  # the run that the upload starts would take back what is being typed
    arch = page.get_by_label("Architecture, by its name in timm")
    arch.click()
    arch.fill("test_resnet")
    page.keyboard.press("Enter")
    page.get_by_text("The weights are those of test_resnet with 3 classes").wait_for()
    page.get_by_text("better than guessing").wait_for()  # its weights are random
    expect(page.get_by_role("button", name="Make the reference set")).to_be_disabled()
    page.get_by_text("Accept fewer images than NERO asks for", exact=True).click()
    settle(page)
    page.get_by_text("Make it all the same").click()
    settle(page)
    page.get_by_role("button", name="Make the reference set").click()
    page.wait_for_url("**making=**")
    page.reload()
    expect(page.locator(".st-key-made")).to_be_visible(timeout=240_000)
    settle(page)
    page.locator(".st-key-made").get_by_role("button", name="Use it").click()
    page.locator(".st-key-made").get_by_role("link", name="In use").click()
    page.get_by_text("Drop an image above").wait_for()
    assert "bundle=test_resnet" in page.url
    page.get_by_role("link", name="Your own model").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Yes, remove it").click()
    expect(page.get_by_text("None yet")).to_be_visible()
    settle(page)
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    expect_no_sideways_scroll(page)
    expect_no_problems(page)
