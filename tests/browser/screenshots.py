"""Takes the pictures of the guide from the running app: ``make screenshots``; another folder may be named."""

import sys
from pathlib import Path

from tests.browser.server import ROOT, Browser, Server, settle

IMAGES = ROOT / "docs" / "images"
SAMPLE = "polyps"
SHOTS = (
    ("screen-light", f"?sample={SAMPLE}&view=evidence", 1440, "light"),
    ("screen-dark", f"?sample={SAMPLE}&view=evidence", 1440, "dark"),
    ("screen-narrow", f"?sample={SAMPLE}", 390, "light"),
    ("about", "", 1440, "light"),
)


def main() -> None:
    """Write one PNG for each shot, as tall as its page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with Server() as server, Browser() as browser:
        for name, query, width, theme in SHOTS:
            page = browser.open(f"{server.address}/{query}", width=width, theme=theme)
            if name == "about":
                page.get_by_role("link", name="About this model").click()
                page.get_by_role("heading", name="Licences").wait_for()
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
