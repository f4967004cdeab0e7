"""A real session of a real server. Its health check says 200 even when no page can be imported, so it is not asked."""

from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.browser.server import Server


def run_once(address: str, query: str = "") -> tuple[str, list[str]]:
    """Everything that the first run of a session sends as text, and its exceptions."""
    asked = BackMsg()
    asked.rerun_script.query_string = query
    texts, exceptions = [], []
    with connect(
        address.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"], max_size=None
    ) as socket:
        socket.send(asked.SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(timeout=120))
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
