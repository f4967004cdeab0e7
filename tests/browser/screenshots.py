"""Takes the pictures of the guide from the running app: ``make screenshots``; another folder may be named."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.server import ROOT, Browser, Server, settle

IMAGES = ROOT / "docs" / "images"
SAMPLE = "polyps"
SHOTS = (
    ("screen-light", f"?sample={SAMPLE}&view=evidence", 1440, "light"),
    ("screen-dark", f"?sample={SAMPLE}&view=evidence", 1440, "dark"),
    ("screen-narrow", f"?sample={SAMPLE}", 390, "light"),
    ("about", "", 1440, "light"),
    ("compare", f"compare_methods?sample={SAMPLE}", 1440, "light"),
    ("own-model", "your_own_model", 1440, "light"),
)
PATIENCE = 600_000  # ms: 26 methods with 1000 resamples on a busy machine


def main() -> None:
    """Write one PNG for each shot, as tall as its page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home, Server(NERO_HOME=home) as server, Browser() as browser:
        for name, query, width, theme in SHOTS:
            page = browser.open(f"{server.address}/{query}", width=width, theme=theme)
            if name == "about":
                page.get_by_role("link", name="About this model").click()
                page.get_by_role("heading", name="Licences").wait_for()
            elif name == "compare":
                page.locator(".st-key-benchmark").wait_for(timeout=PATIENCE)
                page.locator(".nero-methods").wait_for(timeout=PATIENCE)
            elif name == "own-model":
                page.locator(".st-key-step_make").wait_for()
            else:
                page.locator(".nero-concept").first.wait_for(timeout=180_000)
            settle(page)
            tall = page.evaluate("document.querySelector('.stMain').scrollHeight")
            page.set_viewport_size({"width": width, "height": int(tall)})
            settle(page)
            page.screenshot(path=folder / f"{name}.png")
            page.context.close()
            print(folder / f"{name}.png")


if __name__ == "__main__":
    main()
