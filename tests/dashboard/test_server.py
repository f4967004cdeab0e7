"""A real session of a real server. Its health check says 200 even when no page can be imported, so it is not asked."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard import places, stopping
from nero_core.store import add_job, add_worklist, find_job, local_user, open_store, worklist
from tests.browser.server import READY, ROOT, Server, free_port
from tests.nero_core.store.material import BUNDLE, items


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``NERO_HOME`` of this process and of the servers that it starts."""
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    return tmp_path / "home"


JOBS = 240.0  # seconds: their processes leave the processor to others, and wait long on a busy machine


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


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


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read().decode()


@pytest.mark.slow
def test_a_real_session_shows_the_page_and_operators_see_it(wide_bundle: Path, sample_folder: Path, home: Path):
    environment = {"NERO_SAMPLES": str(sample_folder), "NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_HOME": str(home)}
    metrics = f"127.0.0.1:{free_port()}"
    with Server(wide_bundle, NERO_METRICS=metrics, NERO_LOG_FORMAT="json", **environment) as server:
        text, exceptions = run_once(server.address, "bundle=tiny&sample=polyps")
        ready = json.loads(read(f"{server.address}/readyz"))
        counted = read(f"http://{metrics}/metrics")
        hidden = urllib.request.Request(f"{server.address}/_stcore/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(hidden, timeout=60)
        log = server.log
    assert ready == {"ready": True, "checks": {"score": "ok", "database": "ok", "disk": "ok"}}
    assert re.search(r"nero_images_scored_total\{.*\} 1\.0", counted), [
        x for x in counted.splitlines() if "nero_im" in x
    ]
    assert "nero_store_up 1.0" in counted and "nero_step_seconds_count" in counted
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    scored = [line for line in lines if line["message"] == "scored"]
    assert scored and all(len(line["event"]) == 8 and len(line["session"]) == 8 for line in scored)
    assert not any("polyps" in str(line) for line in lines)
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


SCORES = """
import signal, sys, time
from nero_core.store import claim_items, open_store, release_claim
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
with open_store() as store:
    claim = claim_items(store, int(sys.argv[1]), 3, 3600)
    try:
        time.sleep(600)
    finally:
        release_claim(store, claim.token)
"""  # as nero worklist score does, without the images


def scored_by(folder: Path) -> tuple[int, list[str]]:
    """A worklist of four items, and two jobs that wait: one that scores it, and one more."""
    with open_store() as store:
        number = add_worklist(store, "Monday", local_user(), BUNDLE, "verdict", items(4)).id
        found = [add_job(store, "worklist", "ann", place=places.server_id()).token for _ in range(2)]
    for token, facts in zip(found, ({"worklist": str(number)}, {}), strict=True):
        (folder / "jobs" / token / "inputs").mkdir(parents=True)
        request = {"command": [sys.executable, "-c", SCORES, str(number)], "deliver": "", "facts": facts}
        (folder / "jobs" / token / "job.json").write_text(json.dumps(request))
    return number, found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_quietly_while_it_computes_and_gives_claims_back(number: signal.Signals, home: Path):
    environment = {"NERO_DEVICE": "cpu", "NERO_BUNDLES": "", "NERO_BUNDLE": "", "NERO_HOME": str(home)}
    listed, tokens = scored_by(home)
    with served("dashboard.server", ROOT / "dashboard" / "app.py", **environment) as (process, address):
        run_once(address, f"worklist={listed}", page="worklist")  # who looks starts the process that waits
        with open_store() as store:
            # before the server computes: its threads would leave the process of the job next to nothing
            until(lambda: worklist(store, listed).counts.get("claimed") == 3, JOBS)
            text, _ = run_once(address, "sample=polyps&view=heatmap&faithfulness=true")
            assert "Stop" in text  # faithfulness is measured, which takes long
            start = time.monotonic()
            process.send_signal(number)
            log = process.communicate(timeout=JOBS)[0].decode()
            seconds = time.monotonic() - start
            until(lambda: find_job(store, tokens[0]).is_over, JOBS)
            assert worklist(store, listed).counts == {"waiting": 4}
            assert [find_job(store, token).state for token in tokens] == ["stopped", "waiting"]
            assert "server was shut down" in find_job(store, tokens[0]).message
    assert process.returncode == 0
    assert seconds < stopping.LONGEST + 2
    assert " stopping" in log
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
