"""A real Orthanc with its DICOMweb plugin, as an ordinary process on free ports with a folder of its own."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/local/share/orthanc/plugins")
INSTALL = (
    "Expected Orthanc with its DICOMweb plugin for the tests of the PACS. Found none. "
    "On Debian and Ubuntu: apt-get install orthanc orthanc-dicomweb"
)
USER, PASSWORD = "nero", "a-secret-of-the-test"
SECONDS = 120.0  # until it answers


@dataclass(frozen=True)
class Orthanc:
    """Where it answers."""

    url: str

    @property
    def dicomweb(self) -> str:
        return f"{self.url}/dicom-web"

    @property
    def environ(self) -> dict[str, str]:
        return {"NERO_PACS_URL": self.dicomweb, "NERO_PACS_USER": USER, "NERO_PACS_PASSWORD": PASSWORD}

    def get(self, path: str) -> requests.Response:
        response = requests.get(f"{self.url}{path}", auth=(USER, PASSWORD), timeout=SECONDS)
        response.raise_for_status()
        return response

    def add(self, data: bytes) -> None:
        """Store a file by Orthanc's own interface, not by ours."""
        requests.post(f"{self.url}/instances", data, auth=(USER, PASSWORD), timeout=SECONDS).raise_for_status()


def find_orthanc() -> tuple[str, str] | None:
    """The program and its plugin."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    plugin = next(
        (str(path) for folder in PLUGINS for path in sorted(Path(folder).glob("*OrthancDicomWeb*.so*"))), None
    )
    return (program, plugin) if program and plugin else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Without one, a failure where CI is set and a visible skip elsewhere, and where CI could not install it."""
    installed = find_orthanc()
    if installed is None:
        is_ci = os.environ.get("CI", "").lower() in ("1", "true")
        is_known = os.environ.get("NERO_TEST_ORTHANC") == "cannot be installed"
        (pytest.fail if is_ci and not is_known else pytest.skip)(INSTALL)
    program, plugin = installed
    folder, port = tmp_path_factory.mktemp("orthanc"), free_port()
    settings = folder / "orthanc.json"
    content = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [plugin],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    settings.write_text(json.dumps(content))
    server = Orthanc(f"http://127.0.0.1:{port}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(settings)], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        until = time.monotonic() + SECONDS
        while True:
            try:
                server.get("/dicom-web/studies")
                break
            except requests.RequestException:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail("Orthanc does not answer:\n" + (folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(SECONDS)
