"""A visitor's window without a browser: it speaks Streamlit's own protocol to a real server.

Eight browsers on two cores would measure Chromium. What the server does for such a window is the same: it runs the
page, takes the file, runs the page with it, and sends every element.
"""

import http.client
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 300.0  # seconds
VERDICT, CARDS = '<div class="nero-verdict"', 2
XSRF = re.compile(r"_streamlit_xsrf=([^;]+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for an upload.

    Attributes:
        seconds: from the first byte that was sent to the verdict that came.
        text: of the verdict and what follows it, which is what its tests say.
        errors: sentences of errors, and exceptions.
    """

    seconds: float
    text: str
    errors: tuple[str, ...]


class Session:
    """One window.

    Args:
        address: of the server.
    """

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._address = address.replace("http", "ws") + "/_stcore/stream"

    def __enter__(self) -> Self:
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE)
        connection.request("GET", "/_stcore/health")
        answer = connection.getresponse()
        answer.read()
        self._cookie = found.group(1) if (found := XSRF.search(answer.headers.get("Set-Cookie", ""))) else ""
        connection.close()
        headers = {"Cookie": f"_streamlit_xsrf={self._cookie}"} if self._cookie else {}
        self._stream = connect(
            self._address, subprotocols=["streamlit"], max_size=None, additional_headers=headers, ping_interval=None
        )
        self._session, self._uploader, self._place = "", "", ""
        first = BackMsg()
        first.rerun_script.query_string = ""
        self._stream.send(first.SerializeToString())
        while not _is_done(self._receive()):
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def upload(self, name: str, data: bytes, to_the_end: bool = True) -> Answer:
        """Upload an image in the place of the one before, and wait for its verdict.

        Args:
            name: of the file.
            data: its bytes.
            to_the_end: whether the window waits for the whole page too, the maps last; else the next upload cuts it
                short.
        """
        if self._place:
            self._ask("DELETE", self._place)
        start, file_id = time.perf_counter(), secrets.token_hex(16)
        self._place = place = f"/_stcore/upload_file/{self._session}/{file_id}"
        self._put(name, data)
        asked = BackMsg()
        state = asked.rerun_script.widget_states.widgets.add()
        state.id = self._uploader
        urls = FileURLs(file_id=file_id, upload_url=place, delete_url=place)
        state.file_uploader_state_value.uploaded_file_info.append(
            UploadedFileInfo(file_id=file_id, name=name, size=len(data), file_urls=urls)
        )
        self._stream.send(asked.SerializeToString())
        while self._receive().WhichOneof("type") != "new_session":
            pass  # it belongs to the image before
        errors: list[str] = []
        cards: list[str] = []
        seconds = 0.0
        while not _is_done(message := self._receive()):
            element = message.delta.new_element
            kind = element.WhichOneof("type") if message.WhichOneof("type") == "delta" else None
            if kind == "exception":
                errors.append(element.exception.message)
            elif kind == "alert" and element.alert.format == element.alert.ERROR:
                errors.append(element.alert.body)
            elif kind == "html" and (cards or VERDICT in element.html.body):
                seconds = seconds or time.perf_counter() - start
                cards.append(element.html.body)
                if len(cards) == CARDS and not to_the_end:
                    break
        if not cards:
            errors.append("The page ended without a verdict.")
        return Answer(seconds, "".join(cards[:CARDS]), tuple(errors))

    def _put(self, name: str, data: bytes) -> None:
        boundary = secrets.token_hex(12)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        self._ask("PUT", self._place, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _ask(
        self, method: str, place: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        if self._cookie:
            headers = {**headers, "X-Xsrftoken": self._cookie, "Cookie": f"_streamlit_xsrf={self._cookie}"}
        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE)
        connection.request(method, place, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 204:
            raise RuntimeError(f"{method} was answered with {answer.status}.")

    def _receive(self) -> ForwardMsg:
        """What the server sends next."""
        message = ForwardMsg.FromString(self._stream.recv(timeout=PATIENCE))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "file_uploader":
            self._uploader = message.delta.new_element.file_uploader.id
        return message


def _is_done(message: ForwardMsg) -> bool:
    """Whether the script has run to its end."""
    is_finished = message.WhichOneof("type") == "script_finished"
    return is_finished and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
