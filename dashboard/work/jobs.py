"""Long jobs: each is a folder under ``NERO_HOME/jobs``, and a process of its own that outlives a reload and a restart.

Knows no Streamlit. The page writes the inputs and a request; ``dashboard.work.job_process`` runs it, and both speak
through files only, see ``dashboard.work.job_folder``. Whoever knows a job's id may see and stop it; ids cannot be
guessed.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dashboard import places
from dashboard.work.job_folder import (
    Job,
    Status,
    all_jobs,
    changed,
    facts,
    is_alive,
    named_job,
    new_job,
    status,
    unfinished,
)
from nero_core.errors import NeroError

__all__ = [
    "Job",
    "Status",
    "draft",
    "drop",
    "facts",
    "find",
    "find_draft",
    "is_stopping",
    "nero",
    "remove",
    "reopen",
    "start",
    "status",
    "stop",
    "sweep",
]

AT_ONCE = 2  # jobs that run; others wait for their turn
MOST_UNFINISHED = 8  # running and waiting: their uploads lie on the disk
MOST_DRAFTS = 30  # folders that users are filling
MOST_ENDED = 16  # that are kept; the oldest go first
KEPT_SECONDS = 24 * 3600.0  # after which an ended job is removed
DRAFT_SECONDS = 3600.0  # unused, after which a folder that never became a job is removed
MINIMUM_FREE = 2 * 2**30  # bytes that must stay free on the disk
PROJECT = Path(__file__).resolve().parents[2]


def draft() -> Job:
    """A new job's folder, to be filled and started. One that is forgotten is removed after ``DRAFT_SECONDS``.

    Raises:
        NeroError: too many jobs are unfinished, or the disk is nearly full.
    """
    root = places.make_private(places.jobs())
    sweep()
    waiting, drafts = len(unfinished(root)), sum(not (job.folder / "job.json").exists() for job in all_jobs(root))
    if waiting >= MOST_UNFINISHED or drafts >= MOST_DRAFTS:
        raise NeroError(
            f"Expected fewer than {MOST_UNFINISHED} unfinished jobs and {MOST_DRAFTS} that are being prepared on this "
            f"server. Found {waiting} and {drafts}. Wait for one to finish."
        )
    free = shutil.disk_usage(root).free
    if free < MINIMUM_FREE:
        raise NeroError(
            f"Expected {MINIMUM_FREE // 2**20} MB of free disk on the server. Found {free // 2**20} MB. "
            "Ask who runs this server to make room."
        )
    job = new_job(root)
    places.make_private(job.folder)
    places.make_private(job.inputs)
    return job


def find_draft(job_id: str | None) -> Job | None:
    """A draft that is still there; from now on it is not forgotten for another ``DRAFT_SECONDS``."""
    job = named_job(places.jobs(), job_id)
    if job is None or not job.inputs.is_dir() or (job.folder / "job.json").exists():
        return None
    os.utime(job.folder)
    return job


def drop(job: Job) -> None:
    """Remove a draft."""
    if not (job.folder / "job.json").exists():
        shutil.rmtree(job.folder, ignore_errors=True)


def nero(*arguments: str | Path) -> list[str]:
    """A command of the engine, run by the same Python."""
    return [sys.executable, "-m", "nero_core.cli", *map(str, arguments)]


def start(job: Job, command: Sequence[str], kind: str, deliver: str = "", **facts: str) -> None:
    """Start a drafted job, or line it up.

    Args:
        job: with its inputs.
        command: the process; it writes its lines to ``job.progress``.
        kind: what the page asks for when it finds the job again.
        deliver: title of the bundle in ``job.result``, which is moved to the others in the end; none where empty.
        facts: what the page wants to know again.
    """
    asked = {"kind": kind, "command": list(command), "made": time.time(), "deliver": deliver, "facts": facts}
    job.write("job.json", asked)
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.work.job_process", str(job.folder)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C at the server is not meant for it
    )
    threading.Thread(target=process.wait, name=f"job {job.id[:4]}", daemon=True).start()  # else a zombie stays


def find(job_id: str | None, kind: str) -> Job | None:
    """The job that a URL names, if there is one of this kind."""
    job = named_job(places.jobs(), job_id)
    return job if job is not None and job.read("job.json").get("kind") == kind else None


def stop(job: Job) -> None:
    """Ask the job to end; its process does so within a second, and removes what it was given and has written."""
    with suppress(OSError):
        (job.folder / "stop").touch()


def is_stopping(job: Job) -> bool:
    """Whether it was asked to end."""
    return (job.folder / "stop").exists()


def remove(job: Job) -> None:
    """Forget a job that has ended."""
    if status(job).is_over:
        shutil.rmtree(job.folder, ignore_errors=True)


def reopen(job: Job) -> bool:
    """Make a draft of a job that has ended otherwise than well, with what it was given.

    Returns:
        Whether there is a draft now; else nothing of it was left, and the job is forgotten.
    """
    if not status(job).is_over:
        return False
    if not job.inputs.is_dir() or not any(job.inputs.iterdir()) or status(job).state == "finished":
        remove(job)
        return False
    for path in job.folder.iterdir():
        if path == job.inputs:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return True


def sweep() -> None:
    """Remove ended jobs that are old or too many, what failed ones were given, and folders that never became jobs."""
    ended = []
    for job in all_jobs(places.jobs()):
        if not (job.folder / "job.json").exists():
            if time.time() - changed(job.folder) > DRAFT_SECONDS:
                shutil.rmtree(job.folder, ignore_errors=True)
        elif (job.folder / "end.json").exists() or not is_alive(job):
            last = max(changed(job.folder / name) for name in ("end.json", "pulse", "job.json"))
            ended.append((last, job))
            if time.time() - last > DRAFT_SECONDS:  # nobody has begun it again
                shutil.rmtree(job.inputs, ignore_errors=True)
    ended.sort(key=lambda entry: entry[0], reverse=True)
    for place, (last, job) in enumerate(ended):
        if place >= MOST_ENDED or time.time() - last > KEPT_SECONDS:
            shutil.rmtree(job.folder, ignore_errors=True)
