"""Records by hand, and the app over the tiny bundle."""

import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest, local_script_runner

from dashboard.work import jobs
from dashboard.work.background_task import THREADS
from nero_core import BenchmarkResult, Inspector, compare_banks
from nero_core.benchmark.result_file import read_result, write_result
from nero_core.calibration import Bundle
from nero_core.types import Channels, ReferenceScores
from tests.conftest import MadeOnce
from tests.dashboard.material import Offered
from tests.warm_process import WarmProcesses

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture(scope="session", autouse=True)
def nothing_computes_at_the_end() -> Iterator[None]:
    """Threads in PyTorch must not outlive the tests: the interpreter would abort, see ``dashboard.server``."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith(THREADS):
            thread.join(120)


@pytest.fixture(scope="session", autouse=True)
def components_are_looked_for_once() -> Iterator[None]:
    """Streamlit reads the metadata of every installed package for each ``AppTest``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def a_run_is_waited_for_once() -> Iterator[None]:
    """``AppTest`` looks a thousand times a second whether a page has run, which takes that time from the page."""
    plain = local_script_runner.require_widgets_deltas

    def wait(runner: local_script_runner.LocalScriptRunner, timeout: float = 3) -> None:
        thread = runner._script_thread
        if thread is not None:
            thread.join(timeout)
        plain(runner, timeout if thread is None else 1.0)  # it has ended, or raises what it would have raised

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture
def channels() -> Channels:
    generator = torch.Generator().manual_seed(0)
    relevance, centroids = (torch.randn(size, generator=generator).double() / 50 for size in ((512,), (3, 512)))
    return Channels(relevance, centroids, 1, (relevance - centroids[1]).abs() / 2)


@pytest.fixture
def reference() -> ReferenceScores:
    generator = torch.Generator().manual_seed(0)
    calibration = torch.rand(300, generator=generator).double() * 4
    return ReferenceScores(
        detector="nero",
        calibration=calibration,
        calibration_labels=torch.arange(300) % 3,
        ood=calibration[:120] + 3,
        ood_labels=torch.arange(120) % 2,
        threshold=3.8,
        tpr=0.95,
    )


@pytest.fixture(scope="session")
def sample_folder(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    for name in ("id/normal-cecum", "id/normal-z-line", "ood/polyps"):
        first = sorted((phantoms / name).iterdir())[0]
        (folder / f"{Path(name).name}.jpg").write_bytes(first.read_bytes())
    return folder


@pytest.fixture(scope="session")
def comparison(made_once: MadeOnce, loaded_wide: Bundle) -> BenchmarkResult:
    """All methods on the tiny bundle's own banks."""

    def make(folder: Path) -> None:
        write_result(compare_banks(Inspector(loaded_wide, torch.device("cpu"))), folder / "results.json")

    return read_result(made_once("comparison", make) / "results.json")


@pytest.fixture
def loaded(wide_bundle: Path, loaded_wide: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loads the tiny bundle is given the one that is loaded; what an Inspector keeps is of the test alone."""
    load = Inspector.load

    def given(path: str | Path, device: str = "auto") -> Inspector:
        is_tiny = Path(path).resolve() == wide_bundle.resolve() and device == "cpu"
        return Inspector(loaded_wide, torch.device("cpu")) if is_tiny else load(path, device)

    monkeypatch.setattr(Inspector, "load", given)


@pytest.fixture
def warm_jobs(warm: WarmProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of jobs run in processes that find PyTorch imported."""
    monkeypatch.setattr(jobs, "nero", lambda *given: [*warm.python(), "-m", "nero_core.cli", *map(str, given)])


@pytest.fixture
def app(
    wide_bundle: Path, sample_folder: Path, loaded: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., AppTest]]:
    """``app("learn", step="scale")``: a page with query parameters, the first page where none is named.

    It sees the tiny bundle and three samples, and has a home of its own.
    """
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATA", raising=False)
    monkeypatch.setenv("NERO_BUNDLES", str(wide_bundle))
    monkeypatch.setenv("NERO_SAMPLES", str(sample_folder))
    monkeypatch.setenv("NERO_DEVICE", "cpu")
    monkeypatch.delenv("NERO_BUNDLE", raising=False)
    monkeypatch.setattr("dashboard.resources.bundles.BUNDLES", wide_bundle.parent / "none")

    def start(page: str = "", /, **query: str | list[str]) -> AppTest:
        running = AppTest.from_file(str(APP), default_timeout=120)
        if page:  # which Streamlit finds by its address once the app has run
            running.run().switch_page(f"pages/{page}/page.py")
        for name, value in query.items():
            running.query_params[name] = value
        return running.run()

    yield start
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What the page offers to make, by file name."""
    files: Offered = {}
    plain = MediaFileManager.add_deferred

    def keep(
        self: MediaFileManager, make: Callable[[], bytes], mimetype: str | None, coordinates: str, **kind: str
    ) -> str:
        files[kind["file_name"]] = make
        return plain(self, make, mimetype, coordinates, **kind)

    monkeypatch.setattr(MediaFileManager, "add_deferred", keep)
    return files
