"""The real server over the tiny bundle, and a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.server import INSTALL, Browser, Server, find_chromium

expect.set_options(timeout=60_000)  # a shared machine may be busy


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium: without one, a failure where CI is set and a visible skip elsewhere."""
    if find_chromium() is None:
        (pytest.fail if os.environ.get("CI", "").lower() in ("1", "true") else pytest.skip)(INSTALL)
    with Browser() as running:
        yield running


@pytest.fixture(scope="session")
def server(tiny_bundle: Path, phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all browser tests."""
    samples = tmp_path_factory.mktemp("samples")
    for name in ("id/normal-cecum", "ood/polyps"):
        first = sorted((phantoms / name).iterdir())[0]
        (samples / f"{Path(name).name}.jpg").write_bytes(first.read_bytes())
    home = str(tmp_path_factory.mktemp("home"))
    with Server(tiny_bundle, NERO_SAMPLES=str(samples), NERO_DEVICE="cpu", NERO_BUNDLES="", NERO_HOME=home) as running:
        yield running
