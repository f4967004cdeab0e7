"""A real session of a real server. Its health check says 200 even when no page can be imported, so it is not asked."""

import socket
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from dashboard.server import listen_without_delay
from tests.browser.server import Server


def run_once(address: str, query: str = "") -> tuple[str, list[str]]:
    """Everything that the first run of a session sends as text, and its exceptions."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    texts, exceptions = [], []
    with connect(
        address.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"], max_size=None
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
def test_a_real_session_shows_the_page(tiny_bundle: Path, sample_folder: Path):
    with Server(tiny_bundle, NERO_SAMPLES=str(sample_folder), NERO_DEVICE="cpu", NERO_BUNDLES="") as server:
        said, exceptions = run_once(server.address, "bundle=tiny&sample=polyps")
        log = server.log
    assert not exceptions
    assert "No module named" not in said + log
    assert "Traceback" not in said + log
    assert "not foreseen" not in said
    assert "Screen an image" in said
    assert "nero-verdict" in said
    assert said.count("<section class=") == 8


def test_what_the_server_accepts_does_not_wait_for_acknowledgements():
    with socket.socket() as listening, socket.socket() as browser:
        listening.bind(("127.0.0.1", 0))
        listen_without_delay(listening, 1)
        browser.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not browser.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # what a socket is without it
