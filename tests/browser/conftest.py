"""The real server over the tiny bundle, and a real browser."""

import os
import shutil
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
def holds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a file ``verdicts`` or ``maps`` holds back those of ``server``; a test that makes one removes it."""
    return tmp_path_factory.mktemp("holds")


@pytest.fixture(scope="session")
def server(
    wide_bundle: Path, phantoms: Path, holds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for all browser tests, with two samples and a second bundle, which is the same under another name.

    Numba compiles nothing in it, which takes longer than a small map without: what is compiled, other tests lay out.
    """
    folder = tmp_path_factory.mktemp("server")
    samples, other = folder / "samples", folder / "other"
    samples.mkdir()
    for name in ("id/normal-cecum", "ood/polyps"):
        first = sorted((phantoms / name).iterdir())[0]
        (samples / f"{Path(name).name}.jpg").write_bytes(first.read_bytes())
    shutil.copytree(wide_bundle, other)
    places = {"NERO_SAMPLES": str(samples), "NERO_BUNDLES": str(other), "NERO_HOME": str(folder / "home")}
    files = {f"NERO_TEST_{name.upper()}": str(holds / name) for name in ("verdicts", "maps")}
    settings = {"NERO_DEVICE": "cpu", "NUMBA_DISABLE_JIT": "1", **places, **files}
    with Server(wide_bundle, entry="tests.browser.gated_server", **settings) as running:
        yield running


@pytest.fixture(autouse=True)
def pages_end_with_their_test(browser: Browser) -> Iterator[None]:
    """No session of a test goes on beside the next."""
    yield
    browser.close_pages()
