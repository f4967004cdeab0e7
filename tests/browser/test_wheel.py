"""What ``pip install`` gives: the wheel in an environment of its own, started from an empty folder, in a browser."""

import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import ROOT, Browser, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINE = "words = st.empty()\n"  # of the app, where nothing turns errors into sentences yet
FAULT = 'if "fault" in st.query_params:\n    raise RuntimeError("patient 0815")\n'


class Installed(Server):
    """``nero dashboard`` of an environment, in a folder."""

    def __init__(self, environment: Path, folder: Path, home: Path) -> None:
        variables = dict.fromkeys(("PYTHONPATH", "NERO_BUNDLE", "NERO_BUNDLES", "NERO_SAMPLES", "NERO_DATA"), "")
        super().__init__(HOME=str(home), NERO_HOME=str(home / "nero"), **variables)
        self.program, self.folder = environment / "bin" / "nero", folder

    def command(self) -> list[str]:
        return [str(self.program), "dashboard", "--port", str(self.port), "--host", "127.0.0.1", "--device", "cpu"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution and the wheel that is made of it. No network: the build's tools are installed here."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it, which sees the packages of this one, but not this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    [packages] = folder.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "seen.pth").write_text("".join(f"{path}\n" for path in seen), encoding="utf-8")
    python = str(folder / "bin" / "python")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", str(built[1])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    app = packages / "dashboard" / "app.py"
    code = app.read_text(encoding="utf-8")
    assert code.count(LINE) == 1
    app.write_text(code.replace(LINE, FAULT + LINE), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def installed(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with Installed(environment, tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("home")) as server:
        yield server


def test_both_distributions_hold_assets_settings_licence_and_notice(built: tuple[Path, Path]) -> None:
    source, wheel = built
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as zipped:
        in_wheel = set(zipped.namelist())
        settings = zipped.read("dashboard/.streamlit/config.toml")
    tops = (".streamlit", "assets", "dashboard", "nero_core")
    files = [path for top in tops for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    names = [path.relative_to(ROOT).as_posix() for path in files]
    assert set(names) <= inside
    moved = {"assets": "nero_core/assets", ".streamlit": "dashboard/.streamlit"}
    for name in names:
        top, _, rest = name.partition("/")
        assert f"{moved.get(top, top)}/{rest}" in in_wheel
    assert settings == (ROOT / ".streamlit" / "config.toml").read_bytes()
    for licence in ("LICENSE", "NOTICE"):
        assert licence in inside
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in in_wheel)
    assert (
        not {name.partition("/")[0] for name in in_wheel}
        - {"nero_core", "dashboard"}
        - {f"nero_dashboard-{_version()}.dist-info"}
    )


def test_the_demo_is_shown_in_our_theme_and_nothing_is_sent_elsewhere(browser: Browser, installed: Installed) -> None:
    for theme, background, beside in (
        ("light", "rgb(255, 255, 255)", "rgb(243, 246, 249)"),
        ("dark", "rgb(20, 23, 28)", "rgb(32, 37, 45)"),
    ):
        page = browser.open("about:blank", theme=theme)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(installed.address)
        expect(page.get_by_role("button", name="normal-cecum")).to_be_visible()  # a sample
        expect(page.get_by_text("phantom · EfficientNet-Lite0").first).to_be_visible()
        expect(page.get_by_test_id("stSidebarLogo").or_(page.get_by_test_id("stHeaderLogo")).first).to_be_visible()
        assert _colour(page, ".stApp") == background
        assert _colour(page, "[data-testid=stSidebar]") == beside
        page.get_by_role("button", name="normal-cecum").click()
        page.locator(".nero-verdict h2").wait_for()
        assert page.problems == []  # type: ignore[attr-defined]
        hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
        assert hosts == {urlsplit(installed.address).netloc}
        page.close()
    assert "Traceback" not in installed.log
    assert list(installed.folder.iterdir()) == []


def test_an_error_says_nothing_of_what_it_was_about(browser: Browser, installed: Installed) -> None:
    page = browser.open(f"{installed.address}/?fault=1")
    page.get_by_test_id("stException").wait_for()
    shown = page.locator("body").inner_text()
    assert not [word for word in ("0815", "RuntimeError", "Traceback", "app.py") if word in shown]
    assert "patient 0815" in installed.log  # it did happen


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _colour(page: Page, selector: str) -> str:
    return str(page.locator(selector).evaluate("element => getComputedStyle(element).backgroundColor"))
