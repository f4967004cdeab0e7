"""The log of the server: one line an event, as text or JSON, with the number of the event that a page can show.

What a visitor gave stays out of it: no names of files, no values of DICOM elements, no messages of unforeseen errors,
which hold both; of those, the kinds and the lines of code remain. Of other packages the log has their sentences without
the values.
"""

import hashlib
import logging
import secrets
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

FORMATS = ("text", "json")
OURS = ("dashboard", "nero_core")
LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}  # what every record has


@dataclass(frozen=True, slots=True)
class Event:
    """What lines of the log belong to.

    Attributes:
        number: of one run of a page or a part of it, of one task, or of one request; random.
        session: of the visitor's window; a digest, since the id itself opens the window's uploads.
    """

    number: str = ""
    session: str = ""


_event: ContextVar[Event] = ContextVar("event", default=Event())  # noqa: B039  frozen


def current_event() -> Event:
    """The event that this thread is at; without a number where it is at none."""
    return _event.get()


@contextmanager
def event(session_id: str = "", resumed: Event | None = None) -> Iterator[Event]:
    """Lines that are written in the block have one number; inside another event they have that one's.

    Args:
        session_id: of the visitor's window.
        resumed: an event of another thread, which goes on in this one.
    """
    inner = resumed or current_event()
    if not inner.number:
        session = hashlib.sha256(session_id.encode()).hexdigest()[:8] if session_id else ""
        inner = Event(secrets.token_hex(4), session)
    token = _event.set(inner)
    try:
        yield inner
    finally:
        _event.reset(token)


def begin_log(form: str, stream: TextIO | None = None) -> None:
    """Write the log of this process in one of ``FORMATS``, to stderr unless given, and nothing else there.

    Raises:
        ValueError: there is no such form.
    """
    if form not in FORMATS:
        raise ValueError(f"Expected {' or '.join(FORMATS)} as the form of the log. Found {form[:40]!r}.")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(keep_private)
    renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
    handler.setFormatter(JsonFormatter(LINE, rename_fields=renamed) if form == "json" else TextFormatter(LINE))
    logging.getLogger().handlers[:] = [handler]
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


class TextFormatter(logging.Formatter):
    """A line for people, and after it what a record has besides: ``method=verdict seconds=0.2``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the library's name
        """The line."""
        more = [
            f"{name}={value}" for name, value in vars(record).items() if name not in PLAIN and value not in ("", None)
        ]
        return " ".join([super().formatMessage(record), *more])


def keep_private(record: logging.LogRecord) -> bool:
    """Whether a record is written; what a visitor gave is taken out of it, and the number of the event put in."""
    is_ours = record.name.split(".")[0] in OURS
    if not is_ours:
        if record.levelno < logging.WARNING:
            return False
        record.args = ()
    if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
        record.exc_text = outline(record.exc_info[1])
    record.exc_info = None
    at = current_event()
    record.__dict__.setdefault("event", at.number)
    record.__dict__.setdefault("session", at.session)
    return True


def outline(error: BaseException) -> str:
    """Kinds of an error and of what led to it, and where in the code they were raised; without what they say."""
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = traceback.extract_tb(cause.__traceback__, limit=-20)
        lines.append(f"Traceback of {type(cause).__module__}.{type(cause).__qualname__}:")
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(lines)
