"""A process that does jobs: ``python -m dashboard.work.job_process``. It claims the next one from the store, runs its
command in a process group of its own, and writes down how it ended. See ``dashboard.work.job_folder`` for the files."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from dashboard import places
from dashboard.work import jobs
from dashboard.work.job_folder import Job, last_line
from dashboard.work.niceness import niceness
from nero_core.errors import NeroError
from nero_core.store import End, Order, Store, claim_job, end_job, pulse

BEAT = 0.1  # seconds between looks at the command
PULSE = 0.5  # seconds between signs of life, each of which learns whether the job is to stop
LEASE = 60.0  # seconds without one after which it is taken for dead: a busy machine lets it wait
PATIENCE = 3.0  # seconds that a command has to end when it is asked to
LONGEST = 6 * 3600.0  # seconds that a job may take
LOG_TAIL = 4096  # bytes
SHUT_DOWN = "The server was shut down. Begin again, or let it go on."


def main() -> None:
    """Do the jobs of this server whose turn it is, until there are none; others wait, or are another process's."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # the machine is shut down: `finally` runs
    closing = threading.Event()
    if jobs.CLOSE is not None:
        signal.signal(jobs.CLOSE, lambda number, frame: closing.set())
    with suppress(AttributeError, OSError):
        os.nice(niceness())
    store = jobs.store()
    place = places.server_id()
    while not closing.is_set() and (
        claim := claim_job(store, at_once=jobs.AT_ONCE, seconds=LEASE, place=place, most_attempts=1)
    ):
        job = Job(claim.job.token, places.jobs() / claim.job.token)
        is_handed_back = claim.job.kind in jobs.HANDED_BACK
        _do(job, Life(store, claim.token, job.folder, closing if is_handed_back else threading.Event()))


class Life:
    """The signs of life of one job, and what they are answered.

    Args:
        store: where the job is.
        claim: on it.
        folder: of it.
        closing: set when the job is to be handed back, since its server ends.
    """

    def __init__(self, store: Store, claim: str, folder: Path, closing: threading.Event) -> None:
        self._store, self._claim, self._folder, self._closing = store, claim, folder, closing
        self._next = 0.0
        self._order: Order = "go on"

    def beat(self) -> bool:
        """Give a sign of life where one is due; False when the job is to end, or its folder is gone."""
        if self._closing.is_set() or not self._folder.is_dir():
            return False
        if time.monotonic() >= self._next:
            with suppress(NeroError):  # a database that is busy for a moment ends no job
                self._order = pulse(self._store, self._claim, seconds=LEASE)
            self._next = time.monotonic() + PULSE
        return self._order == "go on"

    def cut_short(self) -> tuple[End, str, str]:
        """How a job ended that was not to go on."""
        if self._order == "not yours":  # what it was given stays
            return "failed", "Its process gave no sign of life for too long.", ""
        if self._closing.is_set():
            return "stopped", SHUT_DOWN, ""
        return "stopped", "", ""

    def end(self, state: End, message: str, delivered: str) -> None:
        """Say how it ended."""
        end_job(self._store, self._claim, state, message, {"delivered": delivered})


def _do(job: Job, life: Life) -> None:
    """Run one job to its end."""
    state: End = "stopped"
    message, delivered = SHUT_DOWN, ""
    try:
        state, message, delivered = _run(job, life)
    except Exception as error:
        state, message = "failed", f"The job could not be run: {type(error).__name__}."
    finally:
        is_done = state == "finished"
        if is_done or (state == "stopped" and not message):  # what failed can be begun again with what was given
            shutil.rmtree(job.inputs, ignore_errors=True)
        for folder in (job.folder / "tmp", *(() if is_done else (job.result,))):
            shutil.rmtree(folder, ignore_errors=True)
        life.end(state, message, delivered)


def _run(job: Job, life: Life) -> tuple[End, str, str]:
    """How it ended, why, and the name of the bundle that it left."""
    if not life.beat():
        return life.cut_short()
    asked = job.read("job.json")
    temporary = job.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    deadline = time.monotonic() + LONGEST
    with (job.folder / "log").open("wb") as log:
        command = subprocess.Popen(
            asked["command"],
            cwd=jobs.PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        try:
            while (code := command.poll()) is None:
                if not life.beat():
                    return life.cut_short()
                if time.monotonic() > deadline:
                    return "failed", f"It took longer than {LONGEST / 3600:g} hours.", ""
                time.sleep(BEAT)
        finally:
            _end(command)
    if code != 0 or "error" in last_line(job):
        return "failed", _reason(job, code), ""
    return "finished", "", _deliver(job, str(asked["deliver"])) if asked["deliver"] else ""


def _end(command: subprocess.Popen[bytes]) -> None:
    """End the command and whatever it has started."""
    if command.poll() is not None:
        return
    _signal(command, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        command.wait(PATIENCE)
    _signal(command, getattr(signal, "SIGKILL", signal.SIGTERM))
    command.wait()


def _signal(command: subprocess.Popen[bytes], number: int) -> None:
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(command.pid, number)
        else:
            command.kill()


def _reason(job: Job, code: int) -> str:
    """What the command said last, without the server's paths."""
    reason = last_line(job).get("error")
    if not isinstance(reason, str):
        log = (job.folder / "log").read_bytes()[-LOG_TAIL:].decode(errors="replace")
        errors = [line.removeprefix("Error: ") for line in log.splitlines() if line.startswith("Error: ")]
        if errors:
            reason = errors[-1]
        elif code < 0:
            reason = "Its process was ended from outside, as happens when the server runs out of memory."
        else:
            reason = f"Its process ended with status {code} and without a reason."
    return reason.replace(f"{job.folder}{os.sep}", "")


def _deliver(job: Job, title: str) -> str:
    """Move the bundle to the others; two jobs may want one name."""
    while True:
        place = places.free_place(title)
        try:
            job.result.rename(place)
        except OSError:
            if not place.exists():
                raise
        else:
            return place.name


if __name__ == "__main__":
    try:
        main()
    except NeroError as error:
        sys.exit(str(error))
