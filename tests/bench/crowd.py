"""Several visitors at once, and a thousand uploads: what a server takes for them, and what it keeps of them."""

import functools
import io
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dashboard import words
from dashboard.components import marks
from nero_core import Inspector
from nero_core.phantom.drawing import CLASSES, draw_phantom, encode_phantom
from tests.bench.session import Answer, Session
from tests.browser.server import READY, Server
from tests.memory_at_work import PAGE

USERS = 8
ROUNDS = 5  # in which all of them upload at once
ALONE = 3  # uploads of one user before each
UPLOADS = 1000
WINDOWS = 10  # through which these come
REST = 130.0  # seconds: Streamlit keeps a window that was closed for two minutes, in case it comes back
FRAME = (1080, 1350)  # pixels of an endoscope's frame


@dataclass(frozen=True, slots=True)
class Crowd:
    """How several users fared.

    Attributes:
        alone: seconds from upload to verdict of one user, 95th percentile.
        together: the same of all who upload at once.
        errors: that were shown, or that stopped a window.
        mixed_up: verdicts that were not the image's.
        uploads: of all together.
    """

    alone: float
    together: float
    errors: int
    mixed_up: int
    uploads: int


def crowd(users: int = USERS, rounds: int = ROUNDS) -> Crowd:
    """Several users upload at once, each another image in each round, and look at the whole page before the next.

    Before each round one of them uploads three times alone, so that both meet the same load of the machine.
    """
    names = list(CLASSES)
    images = [
        encode_phantom(draw_phantom(names[seed % len(names)], 5000 + seed))
        for seed in range(rounds * (users + ALONE) + 1)
    ]
    alone: list[Answer] = []
    together: list[tuple[bytes, Answer]] = []
    with served() as server, ExitStack() as stack, ThreadPoolExecutor(users) as pool:
        windows = [stack.enter_context(Session(server.address)) for _ in range(users)]
        windows[0].upload("frame.jpg", images.pop())
        for _ in range(rounds):
            alone += [windows[0].upload("frame.jpg", images.pop()) for _ in range(ALONE)]
            chosen = [images.pop() for _ in range(users)]
            answers = pool.map(lambda window, data: window.upload("frame.jpg", data), windows, chosen)
            together += zip(chosen, answers, strict=True)
    return Crowd(
        percentile(alone),
        percentile([answer for _, answer in together]),
        sum(len(answer.errors) for answer in [*alone, *(answer for _, answer in together)]),
        sum(told(data) not in answer.text for data, answer in together),
        len(together),
    )


def kept_after_uploads(uploads: int = UPLOADS, windows: int = WINDOWS) -> tuple[float, float, int]:
    """Megabytes of the server when it was ready and had answered once, the same after so many uploads and with all
    windows closed, and how many errors there were."""
    photograph = frame()
    with served() as server:
        with Session(server.address) as window:
            window.upload("frame.jpg", marked(photograph, -1))
        time.sleep(10)
        before = megabytes(server.pid)

        def visit(place: int) -> int:
            with Session(server.address) as window:
                files = (marked(photograph, number) for number in range(place, uploads, windows))
                return sum(len(window.upload("frame.jpg", data, to_the_end=False).errors) for data in files)

        with ThreadPoolExecutor(2) as pool:
            errors = sum(pool.map(visit, range(windows)))
        time.sleep(REST)
        with Session(server.address):  # Streamlit forgets old windows when a new one comes
            pass
        time.sleep(15)
        return before, megabytes(server.pid), errors


@contextmanager
def served() -> Iterator[Server]:
    """A server that is ready, with a home of its own."""
    with tempfile.TemporaryDirectory() as home, Server(NERO_DEVICE="cpu", NERO_HOME=home) as server:
        wait_until_ready(server)
        yield server


def wait_until_ready(server: Server) -> None:
    """Until it has done what it does before the first visitor comes, but not for ever."""
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{server.address}/readyz", timeout=60) as answer:
            if json.load(answer)["ready"]:
                return
        time.sleep(0.5)


def told(data: bytes) -> str:
    """What the page should say of an image's tests."""
    inspector = default_inspector()
    detection = inspector.detect(inspector.observe(inspector.decode([data])), ("verdict",))["verdict"]
    return marks.facts([(name, says, False) for name, says in words.two_tests(detection, 0)])


@functools.cache
def default_inspector() -> Inspector:
    """The reference set that the server offers first."""
    return Inspector.load(device="cpu")


def percentile(answers: Sequence[Answer], share: float = 95) -> float:
    """Seconds within which so many answers came."""
    return float(np.percentile([answer.seconds for answer in answers], share))


def frame() -> bytes:
    """A JPEG of an endoscope's size, drawn small and made larger."""
    stream = io.BytesIO()
    drawn = Image.open(io.BytesIO(encode_phantom(draw_phantom("polyps", 77))))
    drawn.resize(FRAME[::-1]).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def marked(jpeg: bytes, number: int) -> bytes:
    """The same picture as another file: with a comment behind its first two bytes."""
    comment = f"upload {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def megabytes(pid: int) -> float:
    """Memory of a process that is not swapped out."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20
