"""Takes the pictures of the guide from the running app: ``make screenshots``; another folder may be named."""

import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from PIL import Image
from playwright.sync_api import Page

from tests.browser.server import ROOT, Browser, Server, settle

IMAGES = ROOT / "docs" / "images"
BUNDLE = "bundle=phantom-efficientnet-lite0"
SAMPLE = f"{BUNDLE}&sample=polyps"
PATIENCE = 300_000  # ms: all methods with 1000 resamples on a busy machine
QUALITY = 88  # of WebP: letters stay sharp, at a fifth of a PNG's size


def _wait(*selectors: str) -> Callable[[Page], None]:
    def ready(page: Page) -> None:
        for selector in selectors:
            page.locator(selector).first.wait_for(timeout=PATIENCE)

    return ready


def _about(page: Page) -> None:
    page.get_by_role("link", name="About this model").click()
    page.get_by_role("heading", name="Licences").wait_for()


def _perturbed(page: Page) -> None:
    page.locator(".st-key-perturb_sliders").wait_for()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")


def _worklist(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(sorted((ROOT / "assets" / "samples").glob("*.jpg")))
    settle(page)
    page.get_by_role("button", name="Make the worklist").click()
    page.locator(".st-key-item").wait_for()  # and not the list of worklists, which holds another one's words
    page.get_by_text("8 of 8 images are done").wait_for(timeout=PATIENCE)
    page.locator(".st-key-reviews").wait_for()


SHOTS: Mapping[str, tuple[str, Callable[[Page], None]]] = MappingProxyType(
    {
        "screen": (f"?{BUNDLE}&sample=dyed-resection-margins&view=evidence", _wait(".nero-concept")),
        "explorer": (f"neuron_explorer?{SAMPLE}", _wait(".st-key-grid_pager")),
        "channel": (f"neuron_explorer?{SAMPLE}&channel=417", _wait(".st-key-channel_neighbours")),
        "map": (f"neuron_explorer?{SAMPLE}&look=image+map", _wait(".st-key-explorer_map")),
        "learn": (f"learn?{SAMPLE}&step=distance", _wait(".st-key-lesson")),
        "perturb": (f"learn?{SAMPLE}&part=Perturb+and+watch", _perturbed),
        "quiz": (f"learn?{SAMPLE}&part=Quiz", _wait(".st-key-quiz_card")),
        "worklist": (f"worklist?{BUNDLE}", _worklist),
        "quality": (f"quality_over_time?{BUNDLE}", _wait(".st-key-recalibration")),  # of the worklist before
        "compare": (f"compare_methods?{SAMPLE}", _wait(".st-key-benchmark", ".nero-methods")),
        "own-model": ("your_own_model", _wait(".st-key-step_make")),
        "about": (f"?{BUNDLE}", _about),
    }
)
VIEWS = (*((name, 1440, theme) for name in SHOTS for theme in ("light", "dark")), ("screen", 390, "light"))


def main() -> None:
    """Write one picture for each page and theme, as tall as the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    asked = sys.argv[2:]  # names of pages; all of them unless given
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home, Server(NERO_HOME=home) as server, Browser() as browser:
        for name, width, theme in VIEWS:
            if asked and name not in asked:
                continue
            query, ready = SHOTS[name]
            page = browser.open(f"{server.address}/{query}", width=width, theme=theme)
            ready(page)
            settle(page)
            tall = page.evaluate("document.querySelector('.stMain').scrollHeight")
            page.set_viewport_size({"width": width, "height": int(tall)})
            settle(page)
            file = folder / f"{name}-{'narrow' if width < 640 else theme}.webp"
            with Image.open(io.BytesIO(page.screenshot())) as picture:
                picture.convert("RGB").save(file, quality=QUALITY, method=6)
            page.close()
            print(file)


if __name__ == "__main__":
    main()
