"""The real server, started as ``make app`` starts it, on a free port; and a real browser to look at it with."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
READY = 180.0  # seconds: a cold start on a busy machine imports torch
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "No Chromium on this machine: install one (Debian, Ubuntu: apt-get install chromium) and run again."
_LEFT = "net::ERR_ABORTED"  # a reload while something was still on its way
WATCH = """
const seen = window.neroSeen = {sent: 0, received: 0, changed: 0};
const changed = () => { seen.changed = performance.now(); };
const all = {subtree: true, childList: true, attributes: true, characterData: true};
new MutationObserver(changed).observe(document, all);
document.addEventListener("scroll", changed, true);
window.WebSocket = class extends window.WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", () => { seen.received = performance.now(); });
  }
  send(data) {
    seen.sent = performance.now();
    super.send(data);
  }
};
"""  # when a page last sent something to the server, heard from it, and changed
SETTLED = """() => {
  const seen = window.neroSeen, unfinished = "[data-testid=stSpinner], [data-testid=stSkeleton]";
  return document.querySelector("[data-test-script-state=notRunning][data-test-connection-state=CONNECTED]")
    && !document.querySelector(unfinished)
    && [...document.images].every(image => image.complete)
    && document.getAnimations().every(one => one.playState !== "running" || one.effect.getTiming().iterations > 9)
    && seen.received > seen.sent && performance.now() - Math.max(seen.received, seen.changed) > 300;
}"""  # 300 ms: Streamlit waits 200 ms for a slider to stand still
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Where the system's browser is, if it has one."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


class Server:
    """Runs the dashboard while the block lasts.

    Args:
        bundle: the reference set to offer first; the project's own where None.
        entry: the module that serves it.
        environment: further variables for the server.

    Attributes:
        address: of the page.
        folder: where it is started.
        log: what the server has printed.
    """

    folder = ROOT

    def __init__(self, bundle: Path | None = None, entry: str = "dashboard.server", **environment: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._entry = entry
        self._environment = os.environ | ({"NERO_BUNDLE": str(bundle)} if bundle else {}) | environment

    def __enter__(self) -> Self:
        self._out = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command(), cwd=self.folder, env=self._environment, stdout=self._out, stderr=subprocess.STDOUT
        )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def command(self) -> list[str]:
        """What is run, in ``folder``."""
        command = [sys.executable, "-m", self._entry, "run", "dashboard/app.py", f"--server.port={self.port}"]
        return [*command, "--server.address=127.0.0.1", "--server.headless=true"]

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has printed."""
        if not self._out.closed:  # read from the start without moving the place where the server writes on
            self._printed = os.pread(self._out.fileno(), os.fstat(self._out.fileno()).st_size, 0)
        return self._printed.decode(errors="replace")

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended with {self._process.returncode}: {self.log}")
            with suppress(OSError), urllib.request.urlopen(self.address, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"The server did not answer within {READY} s: {self.log}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._printed = os.pread(self._out.fileno(), os.fstat(self._out.fileno()).st_size, 0)
        self._out.close()


class Browser:
    """Runs the system's Chromium while the block lasts."""

    def __enter__(self) -> Self:
        path = find_chromium()
        if path is None:
            raise RuntimeError(INSTALL)
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        self._window = self._new_window()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(
        self, address: str, width: int = 1440, height: int = 1000, theme: str = "light", is_in_new_window: bool = False
    ) -> Page:
        """A page of its own session; ``theme`` is what the system asks for, ``light`` or ``dark``.

        Pages of one window share the files that they have loaded; a new window has none. Problems of the page (console
        errors, failed requests, exceptions) are collected in ``page.problems``.
        """
        page = (self._new_window() if is_in_new_window else self._window).new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.set_default_timeout(60_000)
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if _is_problem(message) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url) if request.failure != _LEFT else None)
        page.problems = problems  # type: ignore[attr-defined]
        page.goto(address)
        return page

    def close_pages(self) -> None:
        """Close every page of the window that pages share."""
        for page in self._window.pages:
            page.close()

    def _new_window(self) -> BrowserContext:
        window = self._browser.new_context()
        window.add_init_script(WATCH)
        return window


def _is_problem(message: ConsoleMessage) -> bool:
    """An error, but for one of Streamlit: opened at a page's own address, it looks for its server below that first."""
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")


def settle(page: Page) -> None:
    """Wait until the server has answered, the script has run to its end, and nothing on the page changes any more."""
    page.wait_for_function(SETTLED, timeout=120_000)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
