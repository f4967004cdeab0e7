"""The folder of one long job, and what can be read from it. Knows no Streamlit.

``job.json`` is the request, ``progress.jsonl`` holds the command's lines, ``inputs`` what the user gave, ``result``
what the command writes. Whether the job waits, runs or has ended is a line of the store.
"""

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nero_core.atomic import write_text

State = Literal["waiting", "running", "finished", "failed", "stopped", "lost"]

TAIL = 64 * 2**10  # bytes of the progress file that are read, from its end

_ID = re.compile(r"[A-Za-z0-9_-]{22}")  # secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        id: what the URL names.
        folder: everything of it, its temporary files included.
    """

    id: str
    folder: Path

    @property
    def inputs(self) -> Path:
        """What the user gave; gone when the job has ended well or was stopped."""
        return self.folder / "inputs"

    @property
    def result(self) -> Path:
        """What the command writes."""
        return self.folder / "result"

    @property
    def progress(self) -> Path:
        """The command's progress, one JSON object a line."""
        return self.folder / "progress.jsonl"

    def read(self, name: str) -> dict[str, Any]:
        """One of the small JSON files; empty where it is missing or half written."""
        try:
            content = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """The same, whole or not at all."""
        write_text(self.folder / name, json.dumps(content))


@dataclass(frozen=True, slots=True)
class Status:
    """How far a job is.

    Attributes:
        state: ``lost`` is a process that died without a word, with the server or for want of memory.
        stage: what is being done.
        done: of ``total``, in this stage.
        total: 0 where nothing is known yet.
        ahead: jobs that come first, while it waits.
        message: why it failed.
        delivered: the name of the bundle that it left.
        seconds: since it was asked for, until its end.
    """

    state: State
    stage: str = ""
    done: int = 0
    total: int = 0
    ahead: int = 0
    message: str = ""
    delivered: str = ""
    seconds: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in ("waiting", "running")


def new_job(root: Path) -> Job:
    """A job that nobody can guess; its folder is not made yet."""
    token = secrets.token_urlsafe(16)
    return Job(token, root / token)


def named_job(root: Path, job_id: str | None) -> Job | None:
    """The job of an id that came from outside; None where the id is none, so that no path can hide in it."""
    return Job(job_id, root / job_id) if job_id and _ID.fullmatch(job_id) else None


def all_jobs(root: Path) -> list[Job]:
    """Jobs and drafts, in no order."""
    try:
        return [Job(path.name, path) for path in root.iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return []


def facts(job: Job) -> dict[str, str]:
    """What was said of it when it was started."""
    values = job.read("job.json").get("facts")
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def last_line(job: Job) -> dict[str, Any]:
    """The last whole line of the progress file."""
    lines = _lines(job)
    return lines[-1] if lines else {}


def last_stage(job: Job) -> tuple[str, int, int]:
    """What is being done, how much of it, of how much; "" and 0 where nothing is known yet."""
    for line in reversed(_lines(job)):
        stage, done, total = line.get("stage"), line.get("done"), line.get("total")
        if isinstance(stage, str) and isinstance(done, int) and isinstance(total, int):
            return stage, done, total
    return "", 0, 0


def _lines(job: Job) -> list[dict[str, Any]]:
    try:
        with job.progress.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
    except OSError:
        return []
    lines = []
    for text in tail.split(b"\n"):  # the first may be cut by the tail, the last is still being written
        with suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict):
                lines.append(line)
    return lines


def changed(path: Path) -> float:
    """When a file was changed last; 0 where it is missing."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
