"""``nero dashboard``: starts the page without importing it."""

import errno
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from nero_core.cli.login_file import check_access
from nero_core.cli.options import Device
from nero_core.errors import BundleError, NeroError

PATIENCE = 10  # seconds that the server has to stop
PATHS = ("NERO_BUNDLE", "NERO_BUNDLES", "NERO_SAMPLES", "NERO_HOME", "NERO_DATA")  # what the page reads
LOG_FORMATS = ("text", "json")
UPLOAD_MEGABYTES = 50  # as in .streamlit/config.toml: one image of the largest kind, or a ResNet-18


def dashboard(
    bundle: Annotated[Path | None, typer.Option(help="Bundle to open with; the demo's otherwise.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in, which needs --login.")
    ] = "localhost",
    login: Annotated[
        Path | None, typer.Option(help="TOML file with the OpenID Connect provider and the roles; nobody else gets in.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Let in everybody who reaches the address.")] = False,
    max_upload: Annotated[
        int, typer.Option(min=1, max=4096, help="Largest upload in MB, which the server holds in memory.")
    ] = UPLOAD_MEGABYTES,
    log_format: Annotated[
        str, typer.Option(envvar="NERO_LOG_FORMAT", help="Form of the log on stderr: text or json.")
    ] = "text",
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", envvar="NERO_METRICS", help="Address of the metrics for Prometheus; none unless given."
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Serve the dashboard and print its address; Ctrl-C stops it."""
    check_access(host, login, insecure)
    if log_format not in LOG_FORMATS:
        raise NeroError(f"Expected text or json as the form of the log. Found {log_format[:40]!r}. Choose one of them.")
    page = page_path()
    environment = {**os.environ, **_absolute(os.environ), "NERO_DEVICE": device, "NERO_LOG_FORMAT": log_format}
    if metrics is not None:
        environment["NERO_METRICS"] = metrics
    if bundle is not None:
        if not (bundle / "bundle.json").is_file():
            raise BundleError(
                f"Expected a bundle folder at {bundle}. Found no bundle.json in it. Make one with nero calibrate."
            )
        environment["NERO_BUNDLE"] = str(bundle.resolve())
    check_port(host, port)
    command = [sys.executable, "-m", "dashboard.server", "run", str(page)]
    command += ["--server.port", str(port), "--server.address", host, "--server.headless", "true"]
    command += ["--server.maxUploadSize", str(max_upload)]
    if login is not None:
        environment["NERO_LOGIN"] = str(login.resolve())
        command += ["--secrets.files", str(login.resolve())]
    typer.echo(f"Dashboard: http://{host}:{port} (Ctrl-C stops it)")
    # Streamlit reads the settings from the current folder, which in a checkout must be the project's; in a wheel they
    # lie beside the page, where it finds them by itself.
    status = serve(command, page.parent.parent, environment)
    if status:
        raise typer.Exit(status)


def page_path() -> Path:
    """Where the dashboard's ``app.py`` is.

    Raises:
        NeroError: the dashboard is not installed.
    """
    spec = importlib.util.find_spec("dashboard")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        page = Path(folder) / "app.py"
        if page.is_file():
            return page
    raise NeroError(
        "Expected the package dashboard beside nero_core. Found none. Install the project with pip install -e ."
    )


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken before anything starts.

    Raises:
        NeroError: the port is in use, or the address is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # elsewhere this would let two servers share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NeroError(
                f"Expected port {port} to be free. Found another program on it. "
                f"Stop that program, or choose another port: --port {port + 1 if port < 65535 else port - 1}."
            ) from error
        raise NeroError(
            f"Expected to listen on {host}, port {port}. Found: {error.strerror}. Choose another --host or --port."
        ) from error


def _absolute(environment: Mapping[str, str]) -> dict[str, str]:
    """The paths that the page takes from the environment, which are meant from here, not from the project."""
    return {
        name: os.pathsep.join(str(Path(part).resolve()) for part in environment[name].split(os.pathsep) if part)
        for name in PATHS
        if environment.get(name)
    }


def serve(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    """Run the server until it ends, or until this process is asked to end; then 0."""
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            try:
                server.wait(PATIENCE)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                server.kill()
            return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
