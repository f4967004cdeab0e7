"""How the session treats servers that are busy, lead elsewhere, send rubbish, or have a certificate of their own."""

import logging
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from nero_core.errors import PacsError
from nero_core.pacs import Archive, PacsSettings, session

Answer = Callable[[BaseHTTPRequestHandler, int], None]
SECRET = "hunter2-and-more"


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A real server on a free port, and the methods and login of the requests that it got."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.headers.get('Authorization')}")
            answer(self, len(seen))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/dicom-web", seen
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def instance() -> Dataset:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    data.file_meta = Dataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return data


def test_a_question_to_a_busy_server_is_asked_again() -> None:
    def busy_once(handler: BaseHTTPRequestHandler, number: int) -> None:
        send(handler, 503) if number == 1 else send(handler, 200, b"[]", Content_Type="application/dicom+json")

    with server(busy_once) as (url, seen):
        assert Archive(PacsSettings(url, token=SECRET)).find() == []
    assert seen == [f"GET Bearer {SECRET}"] * 2


def test_what_is_sent_is_sent_once() -> None:
    from pydicom.dataset import FileMetaDataset

    data = instance()
    data.file_meta = FileMetaDataset(data.file_meta)
    with server(lambda handler, _: send(handler, 503)) as (url, seen):
        with pytest.raises(PacsError, match="found the answer 503"):
            Archive(PacsSettings(url)).store([data])
    assert len(seen) == 1


def test_a_redirection_is_not_followed_with_the_password() -> None:
    with server(lambda handler, _: send(handler, 200, b"[]")) as (elsewhere, others):
        there = {"Location": f"{elsewhere}/studies"}
        with server(lambda handler, _: send(handler, 302, **there)) as (url, _):
            with pytest.raises(PacsError, match="leads elsewhere"):
                Archive(PacsSettings(url, "ada", SECRET)).find()
    assert others == []


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"{", b'[{"0020000D": 3}]', b'[{"00100010": {"vr": "PN"}}]'])
def test_an_answer_that_is_not_dicomweb_is_told_so(body: bytes) -> None:
    with server(lambda handler, _: send(handler, 200, body, Content_Type="application/dicom+json")) as (url, _):
        with pytest.raises(PacsError, match="found an answer that is not DICOMweb"):
            Archive(PacsSettings(url)).find()


def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ", 0.3)
    monkeypatch.setattr(session, "RETRIES", 0)
    silent = threading.Event()
    with server(lambda handler, _: silent.wait(5) and None) as (url, _):
        with pytest.raises(PacsError, match="found no answer in time"):
            Archive(PacsSettings(url)).find()
        silent.set()


def test_nobody_there_is_told_and_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PacsError, match=r"127\.0\.0\.1:9: expected a list of studies; found no connection") as caught:
        Archive(PacsSettings("http://127.0.0.1:9/dicom-web", "ada", SECRET)).find(PatientID="PAT-4711")
    told = caplog.text + str(caught.value)
    assert SECRET not in told
    assert "PAT-4711" not in told


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    key, file = tmp_path / "key.pem", tmp_path / "server.pem"
    new = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split()
    subprocess.run([openssl, *new, "-keyout", key, "-out", file], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # the client leaves, which is what is tested

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            send(self, 200, b"[]", Content_Type="application/dicom+json")

        def log_message(self, *arguments: object) -> None:
            pass

    running = Quiet(("127.0.0.1", 0), Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    url = f"https://localhost:{running.server_port}/dicom-web"
    try:
        with pytest.raises(PacsError, match="a certificate that is not trusted"):
            Archive(PacsSettings(url, "ada", SECRET)).find()
        assert Archive(PacsSettings(url, "ada", SECRET, ca=file)).find() == []
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
