"""A real session of a real server. Its health check says 200 even when no page can be imported, so it is not asked."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.server import READY, ROOT, Server, free_port


def run_once(address: str, query: str = "", page: str = "", origin: str | None = None) -> tuple[str, list[str]]:
    """Everything that the first run of a session sends as text, and its exceptions."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    asked.rerun_script.page_name = page
    texts, exceptions = [], []
    with connect(
        address.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"], max_size=None, origin=origin
    ) as connection:
        connection.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(connection.recv(timeout=120))
            kind = message.WhichOneof("type")
            if kind == "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "exception":
                    exceptions.append(element.exception.message)
                texts.append(str(element))
            elif kind == "script_finished":
                return "\n".join(texts), exceptions


@pytest.mark.slow
def test_a_real_session_shows_the_page(wide_bundle: Path, sample_folder: Path):
    with Server(wide_bundle, NERO_SAMPLES=str(sample_folder), NERO_DEVICE="cpu", NERO_BUNDLES="") as server:
        text, exceptions = run_once(server.address, "bundle=tiny&sample=polyps")
        log = server.log
    assert not exceptions
    assert "No module named" not in text + log
    assert "Traceback" not in text + log
    assert "not foreseen" not in text
    assert "Screen an image" in text
    assert "nero-verdict" in text
    assert text.count("<section class=") == 8


ACCEPTED = """
import os, socket, stat
import streamlit as st

for number in map(int, os.listdir("/proc/self/fd")):
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            continue
        one = socket.socket(fileno=os.dup(number))
    except OSError:
        continue
    with one:
        try:
            here, there = one.getsockname(), one.getpeername()
        except OSError:
            continue
        if one.family == socket.AF_INET and here[1] == st.get_option("server.port"):
            st.text(f"accepted, no delay: {bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))}")
"""  # looks at the connections of the process that serves it


@contextmanager
def served(
    entry: str, script: Path, listen: str = "127.0.0.1", **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server of its own by this entry, and its address; it is ended in any case."""
    port = free_port()
    command = [sys.executable, "-m", *entry.split(), "run", str(script), f"--server.port={port}"]
    command += [f"--server.address={listen}", "--server.headless=true"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            deadline = time.monotonic() + READY
            while process.poll() is None and time.monotonic() < deadline:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                time.sleep(0.1)
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at the sockets through /proc")
@pytest.mark.parametrize(("entry", "is_mended"), [("dashboard.server", True), ("streamlit", False)])
def test_what_the_server_accepts_does_not_wait_for_acknowledgements(tmp_path: Path, entry: str, is_mended: bool):
    page = tmp_path / "page.py"
    page.write_text(ACCEPTED)
    with served(entry, page) as (_, address):
        text, exceptions = run_once(address)
    assert not exceptions
    assert f"no delay: {is_mended}" in text  # where Streamlit's own entry mends it, ours has nothing left to do
    assert f"no delay: {not is_mended}" not in text


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_quietly_while_it_computes(number: signal.Signals):
    environment = {"NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_BUNDLE": ""}
    with served("dashboard.server", ROOT / "dashboard" / "app.py", **environment) as (process, address):
        text, _ = run_once(address, "sample=polyps&view=heatmap&faithfulness=true")
        assert "Stop" in text  # faithfulness is measured, which takes long
        process.send_signal(number)
        log = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0
    assert "terminate called" not in log
    assert "Traceback" not in log


@contextmanager
def proxy() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Variables that send every request through a proxy that refuses it, and what was asked for."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_error(403)

        do_GET = do_POST = do_HEAD = do_CONNECT = refuse  # noqa: N815  the library's names

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        try:
            yield (
                {name: address for each in names for name in (each, each.lower())} | {"NO_PROXY": "", "no_proxy": ""},
                asked,
            )
        finally:
            server.shutdown()


@pytest.mark.parametrize(("entry", "asks"), [("dashboard.server", False), ("streamlit", True)])
def test_the_server_asks_nobody_for_its_outer_address(tmp_path: Path, entry: str, asks: bool):
    """Neither at its start, on all addresses, nor for a visitor whose page came from another name."""
    page = tmp_path / "page.py"
    page.write_text("import streamlit as st\nst.text('here')")
    with proxy() as (environment, asked), served(entry, page, "0.0.0.0", **environment) as (_, address):
        assert "here" in run_once(address)[0]
        with suppress(InvalidStatus):  # refused, as it should be
            run_once(address, origin="http://clinic.example")
        assert bool(asked) is asks, asked  # Streamlit's own entry does, so that this test can fail
