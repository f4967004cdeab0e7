"""Long jobs: each is a line of the store and a folder under ``NERO_HOME/jobs``. They outlive a reload and a restart.

Knows no Streamlit. The page writes the inputs and a request; processes of ``dashboard.work.job_process`` claim the jobs
in their order and run them. A job has an owner, and ``find`` is told who asks for it. Without a login
whoever knows a job's id may see and stop it; ids cannot be guessed.
"""

import functools
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from dashboard import places
from dashboard.work.job_folder import Job, Status, all_jobs, changed, facts, last_stage, named_job, new_job
from nero_core import store as records
from nero_core.errors import NeroError
from nero_core.store import Store, add_job, database_url, find_job, find_jobs, open_store, remove_job, stop_job

__all__ = [
    "Job",
    "Status",
    "close_processes",
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
    "store",
    "sweep",
    "wait_for_processes",
]

AT_ONCE = 2  # jobs that run; others wait for their turn
MOST_UNFINISHED = 8  # running and waiting: their uploads lie on the disk
MOST_DRAFTS = 30  # folders that users are filling
MOST_ENDED = 16  # that are kept; the oldest go first
KEPT_SECONDS = 24 * 3600.0  # after which an ended job is removed
DRAFT_SECONDS = 3600.0  # unused, after which a folder that never became a job is removed
HANDED_BACK = ("worklist",)  # kinds that lose nothing when their process ends, and that another can go on with
MINIMUM_FREE = 2 * 2**30  # bytes that must stay free on the disk
WAITING_SECONDS = 5.0  # that the first in the line may wait before another process is started for it
NOBODY = "visitor"  # where no name is given; without a login, and in jobs from before there were names
PROJECT = Path(__file__).resolve().parents[2]

CLOSE = getattr(signal, "SIGUSR1", None)  # tells a process of jobs that its server ends; Windows has none

_started: dict[str, float] = {}  # job → when a process was started for it last, by the monotonic clock
_processes: set[subprocess.Popen[bytes]] = set()  # of this server, that have not ended
_closing = threading.Event()
_log = logging.getLogger(__name__)


def draft() -> Job:
    """A new job's folder, to be filled and started. One that is forgotten is removed after ``DRAFT_SECONDS``.

    Raises:
        NeroError: too many jobs are unfinished, or the disk is nearly full.
    """
    root = places.make_private(places.jobs())
    sweep()
    lines = _lines()
    waiting = sum(not line.is_over for line in lines.values())
    drafts = sum(job.id not in lines for job in all_jobs(root))
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
    if job is None or not job.inputs.is_dir() or find_job(store(), job.id) is not None:
        return None
    os.utime(job.folder)
    return job


def drop(job: Job) -> None:
    """Remove a draft."""
    if find_job(store(), job.id) is None:
        shutil.rmtree(job.folder, ignore_errors=True)


def nero(*arguments: str | Path) -> list[str]:
    """A command of the engine, run by the same Python."""
    return [sys.executable, "-m", "nero_core.cli", *map(str, arguments)]


def start(job: Job, command: Sequence[str], kind: str, deliver: str = "", *, owner: str, **facts: str) -> None:
    """Start a drafted job, or line it up.

    Args:
        job: with its inputs.
        command: the process; it writes its lines to ``job.progress``.
        kind: what the page asks for when it finds the job again.
        deliver: title of the bundle in ``job.result``, which is moved to the others in the end; none where empty.
        owner: who asks for it.
        facts: what the page wants to know again.
    """
    job.write("job.json", {"command": list(command), "deliver": deliver, "facts": facts})
    line = add_job(store(), kind, owner, place=places.server_id(), token=job.id)
    _log.info("job added", extra={"job": line.id, "kind": kind})
    _start_process(job.id)


def find(job_id: str | None, kind: str, asker: str = "") -> Job | None:
    """The job that a URL names, if there is one of this kind.

    Args:
        job_id: its id.
        kind: of job.
        asker: who has logged in: a job of somebody else is as one that is not there; "" finds everybody's.
    """
    job = named_job(places.jobs(), job_id)
    line = None if job is None else find_job(store(), job.id, kind)
    return job if line is not None and (not asker or line.owner.casefold() == asker.casefold()) else None


def status(job: Job) -> Status:
    """How far it is now; the first in the line gets a process where all have died."""
    line = find_job(store(), job.id)
    if line is None:
        return Status("lost")
    stage, done, total = last_stage(job)
    seconds = ((line.ended or store().now()) - line.added).total_seconds()
    if line.state == "waiting":
        if line.ahead < AT_ONCE and time.monotonic() - _started.get(job.id, -WAITING_SECONDS) > WAITING_SECONDS:
            _start_process(job.id)
        return Status("waiting", ahead=line.ahead, seconds=seconds)
    delivered = str(line.outcome.get("delivered", ""))
    return Status(line.state, stage, done, total, message=line.message, delivered=delivered, seconds=seconds)


def stop(job: Job, actor: str = NOBODY) -> None:
    """Ask the job to end: its process does so within a second, and removes what it was given and has written.

    Args:
        job: the job.
        actor: who is named in the audit log.
    """
    stop_job(store(), job.id, actor)
    line = find_job(store(), job.id)
    if line is not None and line.state == "stopped":  # it waited: no process has to end
        shutil.rmtree(job.inputs, ignore_errors=True)


def is_stopping(job: Job) -> bool:
    """Whether it was asked to end."""
    line = find_job(store(), job.id)
    return line is not None and line.is_stopping


def remove(job: Job) -> None:
    """Forget a job that has ended."""
    if status(job).is_over:
        remove_job(store(), job.id)
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
    remove_job(store(), job.id)
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
    lines = _lines()
    ended = []
    for job in all_jobs(places.jobs()):
        line = lines.pop(job.id, None)
        if line is None:
            if time.time() - changed(job.folder) > DRAFT_SECONDS:
                shutil.rmtree(job.folder, ignore_errors=True)
        elif line.is_over:
            last = (line.ended or line.added).timestamp()
            ended.append((last, job))
            if time.time() - last > DRAFT_SECONDS:  # nobody has begun it again
                shutil.rmtree(job.inputs, ignore_errors=True)
    ended.sort(key=lambda entry: entry[0], reverse=True)
    for place, (last, job) in enumerate(ended):
        if place >= MOST_ENDED or time.time() - last > KEPT_SECONDS:
            remove(job)
    for job_id, line in lines.items():  # whose folder somebody has removed
        if line.is_over:
            remove_job(store(), job_id)


def close_processes() -> None:
    """Start no more processes, and tell those of this server that it ends: they claim no further job, and what others
    can go on with (``HANDED_BACK``) they give back at once. Other jobs outlive the server."""
    _closing.set()
    for process in list(_processes):
        if CLOSE is not None and process.poll() is None:
            process.send_signal(CLOSE)


def wait_for_processes(seconds: float) -> bool:
    """Wait for those that give something back; whether all have, before the time was over."""
    deadline = time.monotonic() + seconds
    while _processes and any(line.kind in HANDED_BACK and line.state == "running" for line in _lines().values()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def store() -> Store:
    """The store of this process."""
    return _store(database_url())


@functools.cache
def _store(url: str) -> Store:
    return open_store(url)


def _lines() -> dict[str, records.Job]:
    """The jobs of this server in the store, by their id."""
    here = places.server_id()
    return {line.token: line for line in find_jobs(store()) if line.place == here}


def _start_process(job_id: str) -> None:
    """Start a process that does what there is to do; it ends at once where others are at it."""
    if _closing.is_set():
        return
    _started[job_id] = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.work.job_process"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C at the server is not meant for it
    )
    _processes.add(process)
    threading.Thread(target=_see_off, args=(process,), name=f"job {job_id[:4]}", daemon=True).start()


def _see_off(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process, else a zombie stays."""
    status = process.wait()
    _processes.discard(process)
    _log.log(logging.WARNING if status else logging.INFO, "process of jobs ended", extra={"status": status})
