"""What a whole process takes: to start, in memory, and a page in the browser."""

import http.client
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from nero_core import Inspector
from tests.bench.crowd import served
from tests.bench.timing import paired, processor_seconds
from tests.browser.server import Browser, Server
from tests.large_bundle import write_large_bundle

ROOT = Path(__file__).resolve().parent.parent.parent
OWN_PAGES = 3000  # ms that Chromium is given for its own pages


def start_against_torch(rounds: int, *arguments: str) -> tuple[float, float, float]:
    """A new interpreter with these arguments, against one that imports PyTorch alone, in seconds of a processor."""

    def start(*arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

    return paired(lambda: start(*arguments), lambda: start("-c", "import torch"), rounds, processor_seconds)


def load_seconds(bundle: Path, rounds: int) -> float:
    """Median seconds of a processor to load a bundle again, on one thread: the first load also imports timm."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(rounds):
        start = time.process_time()
        Inspector.load(bundle, device="cpu")
        times.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return statistics.median(times)


def ready_against_torch(rounds: int) -> tuple[float, float, float]:
    """Starting a server until it says that it is ready, against a new interpreter that imports PyTorch; wall time."""

    def ready() -> None:
        with served():
            pass

    return paired(ready, lambda: subprocess.run([sys.executable, "-c", "import torch"], cwd=ROOT, check=True), rounds)


def kept_megabytes(bundle: Path, *options: str) -> float:
    """What a process keeps of sixteen sessions at once, seconds after them; see ``tests.memory_at_work``."""
    command = [sys.executable, "-m", "tests.memory_at_work", str(bundle), *options]
    before, after = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return float(after) - float(before)


def small_file_against_streamlit() -> tuple[float, float, float]:
    """A file of 1 kB on a connection that stays open, of which the first page needs a hundred; against the same from
    Streamlit's own server; and the ratio."""
    with Server() as ours, Server(entry="streamlit") as plain:
        measured, other = (small_file_seconds(server.address) for server in (ours, plain))
    return measured, other, measured / other


def small_file_seconds(address: str, files: int = 60) -> float:
    """Median of some, one after the other."""
    connection, times = http.client.HTTPConnection(address.removeprefix("http://")), []
    for _ in range(files):
        start = time.perf_counter()
        connection.request("GET", "/favicon.png")
        connection.getresponse().read()
        times.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(times)


def page_times(bundle: Path, file: Path) -> tuple[float, float, float]:
    """Seconds from starting the server to the first page, and from upload to the verdict and to all concepts."""
    start = time.perf_counter()
    with Server(bundle) as server, Browser() as browser:
        page = browser.open(server.address)
        page.get_by_text("Drop an image above").wait_for()
        first_page = time.perf_counter() - start
        start = time.perf_counter()
        page.locator("input[type=file]").set_input_files(file)
        page.locator(".nero-verdict").wait_for()
        verdict = time.perf_counter() - start
        page.locator(".nero-concept").nth(7).wait_for()
        return first_page, verdict, time.perf_counter() - start


def explorer_seconds(bundle: Path, folder: Path, rounds: int = 3) -> tuple[float, float]:
    """Median seconds to the first tiles of the neuron explorer, 512 channels × 2,000 images, each a new session: in a
    window that is open, and in one that is opened for it.

    The server is warm: it has loaded the bundle and somebody has seen the page. The browser has nothing of the page in
    its cache. A new window of Chromium loads pages of its own beside ours, for some two seconds of processor time.
    """
    large = write_large_bundle(bundle, folder / "large")
    times: dict[int, list[float]] = {OWN_PAGES: [], 0: []}
    with Server(large) as server, Browser() as browser:
        for _ in range(rounds + 1):
            for pause, taken in times.items():
                start = time.perf_counter()
                page = browser.open("about:blank", is_in_new_window=True)
                if pause:
                    page.wait_for_timeout(pause)
                    start = time.perf_counter()
                page.goto(f"{server.address}/neuron_explorer")
                page.locator(".grid a").nth(47).wait_for(timeout=180_000)
                taken.append(time.perf_counter() - start)
                page.context.close()
    in_open, in_new = (statistics.median(taken[1:]) for taken in times.values())
    return in_open, in_new
