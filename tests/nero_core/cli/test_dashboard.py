"""``nero dashboard``."""

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import Result

import nero_core.cli.app  # noqa: F401  so that the module below is loaded
from nero_core.errors import NeroError

Run = Callable[..., Result]
module = sys.modules["nero_core.cli.dashboard"]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path, Mapping[str, str]]]:
    """What would have been started."""
    calls: list[tuple[list[str], Path, Mapping[str, str]]] = []

    def serve(command: list[str], folder: Path, environment: Mapping[str, str]) -> int:
        calls.append((command, folder, environment))
        return 0

    monkeypatch.setattr(module, "serve", serve)
    return calls


def test_dashboard_starts_streamlit_in_the_projects_folder_with_the_bundle(
    nero: Run, tiny_bundle: Path, free_port: int, served: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tiny_bundle.parent)
    result = nero("dashboard", "--bundle", tiny_bundle.name, "--port", free_port)
    assert result.exit_code == 0, result.output
    assert f"http://localhost:{free_port}" in result.stdout
    [(command, folder, environment)] = served
    assert command[:4] == [sys.executable, "-m", "dashboard.server", "run"]
    assert Path(command[4]).name == "app.py"
    assert command[command.index("--server.port") + 1] == str(free_port)
    assert command[command.index("--server.maxUploadSize") + 1] == "50"
    assert (folder / ".streamlit" / "config.toml").is_file()
    assert environment["NERO_BUNDLE"] == str(tiny_bundle.resolve())


def test_the_help_promises_no_browser(nero: Run):
    result = nero("dashboard", "--help")
    assert "Serve the dashboard and print its address" in result.output
    assert "browser" not in result.output


def test_dashboard_takes_relative_paths_in_the_environment_from_where_it_was_started(
    nero: Run, free_port: int, served: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NERO_BUNDLES", os.pathsep.join(["one", "two"]))
    assert nero("dashboard", "--port", free_port, "--device", "cpu").exit_code == 0
    environment = served[0][2]
    assert environment["NERO_BUNDLES"] == os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")])
    assert environment["NERO_DEVICE"] == "cpu"
    assert "NERO_BUNDLE" not in environment


def test_a_port_in_use_is_told_with_status_2(nero: Run, served: list):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = other.getsockname()[1]
        result = nero("dashboard", "--port", port)
    assert result.exit_code == 2
    assert f"Expected port {port} to be free" in result.stderr
    assert served == []


def test_an_address_of_another_machine_is_told(free_port: int):
    with pytest.raises(NeroError, match=r"Choose another --host or --port"):
        module.check_port("192.0.2.1", free_port)


def test_a_folder_that_is_no_bundle_is_told_with_status_2(nero: Run, tmp_path: Path, served: list):
    result = nero("dashboard", "--bundle", tmp_path)
    assert result.exit_code == 2
    assert "Expected a bundle folder" in result.stderr
    assert served == []


def test_a_missing_dashboard_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NeroError, match="pip install -e"):
        module.page_path()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_server_answers_and_ends_quietly(tmp_path: Path, free_port: int, number: signal.Signals):
    command = [sys.executable, "-m", "nero_core.cli", "dashboard", "--port", str(free_port)]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What runs in the background ignores Ctrl-C, and so do its children unless told otherwise.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            _wait_until_healthy(f"http://localhost:{free_port}/_stcore/health", process)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert out.startswith(f"Dashboard: http://localhost:{free_port}")
    assert "Traceback" not in err
    module.check_port("localhost", free_port)  # raises if the server were still there


def _wait_until_healthy(address: str, process: subprocess.Popen[str], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                assert answer.read() == b"ok"
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"the server did not answer; exit status {process.poll()}")


def test_the_limit_of_an_upload_is_that_of_the_config_unless_given(nero: Run, free_port: int, served: list):
    config = tomllib.loads((Path(__file__).parents[3] / ".streamlit/config.toml").read_text())
    assert config["server"]["maxUploadSize"] == module.UPLOAD_MEGABYTES
    result = nero("dashboard", "--port", free_port, "--max-upload", 500)
    assert result.exit_code == 0, result.output
    [(command, _, _)] = served
    assert command[command.index("--server.maxUploadSize") + 1] == "500"


def test_log_and_metrics_are_given_on_from_options_or_the_environment(
    nero: Run, free_port: int, served: list, monkeypatch: pytest.MonkeyPatch
):
    assert nero("dashboard", "--port", free_port).exit_code == 0
    assert served[-1][2]["NERO_LOG_FORMAT"] == "text" and "NERO_METRICS" not in served[-1][2]
    options = ("--log-format", "json", "--metrics", "127.0.0.1:9464")
    assert nero("dashboard", "--port", free_port, *options).exit_code == 0
    told = {"NERO_LOG_FORMAT": "json", "NERO_METRICS": "127.0.0.1:9464"}
    assert told.items() <= served[-1][2].items()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert nero("dashboard", "--port", free_port).exit_code == 0
    assert told.items() <= served[-1][2].items()
    refused = nero("dashboard", "--port", free_port, "--log-format", "xml")
    assert refused.exit_code == 2 and "Expected text or json" in refused.stderr


def test_other_machines_are_let_in_with_a_login_or_a_word_alone(
    nero: Run, free_port: int, served: list, tmp_path: Path
) -> None:
    refused = nero("dashboard", "--host", "0.0.0.0", "--port", free_port)
    assert refused.exit_code == 2 and "--insecure" in refused.stderr and not served
    assert nero("dashboard", "--host", "0.0.0.0", "--port", free_port, "--insecure").exit_code == 0
    login = tmp_path / "login.toml"
    login.write_text(
        '[auth]\nredirect_uri = "https://a.example/oauth2callback"\nclient_id = "n"\nclient_secret = "s"\n'
        f'cookie_secret = "{64 * "c"}"\nserver_metadata_url = "https://b.example"\n[roles]\n"a@b" = "viewer"\n'
    )
    assert nero("dashboard", "--host", "0.0.0.0", "--port", free_port, "--login", login).exit_code == 0
    command, _, environment = served[-1]
    assert command[command.index("--secrets.files") + 1] == environment["NERO_LOGIN"] == str(login)
