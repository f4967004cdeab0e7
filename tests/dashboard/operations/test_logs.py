"""The log: one line an event, numbered, and silent about what a visitor gave."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.operations import logs

NAME = "DOE^JANE 1970.dcm"


@pytest.fixture
def written() -> Iterator[Callable[[str], io.StringIO]]:
    """``written("json")`` begins the log and gives what it is written to."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in logs.OURS}

    def begin(form: str) -> io.StringIO:
        logs.begin_log(form, stream)
        return stream

    yield begin
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def fail() -> None:
    try:
        raise FileNotFoundError(2, "No such file", f"/uploads/{NAME}")
    except OSError as error:
        raise RuntimeError(f"cannot read {NAME}") from error


def test_a_line_is_json_with_the_number_of_the_event_and_what_belongs_to_it(written: Callable[[str], io.StringIO]):
    stream = written("json")
    with logs.event("a session's id") as outer:
        logging.getLogger("dashboard.x").info("scored", extra={"verdict": "like", "seconds": 0.25})
        with logs.event("another") as inner:
            assert inner == outer  # a part of a page belongs to the page's run
    with logs.event() as other:
        assert other.number != outer.number
    line = json.loads(stream.getvalue())
    assert line["event"] == outer.number and len(outer.number) == 8
    assert line["session"] == outer.session and "a session" not in stream.getvalue()
    assert (line["message"], line["verdict"], line["seconds"]) == ("scored", "like", 0.25)
    assert (line["level"], line["logger"]) == ("INFO", "dashboard.x") and line["time"]
    assert logs.current_event() == logs.Event()


@pytest.mark.parametrize("form", logs.FORMATS)
def test_an_unforeseen_error_is_logged_without_what_it_says(written: Callable[[str], io.StringIO], form: str):
    stream = written(form)
    try:
        fail()
    except RuntimeError:
        logging.getLogger("dashboard.x").exception("unforeseen on a page")
    text = stream.getvalue()
    assert "builtins.RuntimeError" in text and "builtins.FileNotFoundError" in text
    assert f"{Path(__file__).name}:" in text and " fail" in text
    assert "DOE" not in text and "uploads" not in text and "cannot read" not in text


@pytest.mark.parametrize("form", logs.FORMATS)
def test_of_other_packages_only_warnings_are_logged_and_without_values(
    written: Callable[[str], io.StringIO], form: str
):
    stream = written(form)
    other = logging.getLogger("another.package")
    other.warning("Cannot decode %s", NAME)
    other.info("it is running")
    assert "Cannot decode %s" in stream.getvalue()
    assert "DOE" not in stream.getvalue() and "running" not in stream.getvalue()


def test_a_line_of_text_ends_with_what_belongs_to_it(written: Callable[[str], io.StringIO]):
    stream = written("text")
    with logs.event() as event:
        logging.getLogger("dashboard.x").warning("job started", extra={"job": 7, "kind": "worklist"})
    assert stream.getvalue().endswith(f"WARNING dashboard.x job started job=7 kind=worklist event={event.number}\n")


def test_another_form_is_refused():
    with pytest.raises(ValueError, match="text or json"):
        logs.begin_log("xml")
