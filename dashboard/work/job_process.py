"""The process of one job: ``python -m dashboard.work.job_process FOLDER``. It waits for its turn, runs the job's
command in a process group of its own, and writes down how it ended. See ``dashboard.work.job_folder`` for the files."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from dashboard import places
from dashboard.work import jobs
from dashboard.work.job_folder import Job, ahead, last_line
from nero_core.errors import NeroError

BEAT = 0.2  # seconds between signs of life
PATIENCE = 3.0  # seconds that a command has to end when it is asked to
LONGEST = 6 * 3600.0  # seconds that a job may take
NICE = 10  # verdicts of other users come first
LOG_TAIL = 4096  # bytes


def main(folder: Path) -> None:
    """Run a job to its end."""
    job = Job(folder.name, folder)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # the machine is shut down: `finally` runs
    with suppress(AttributeError, OSError):
        os.nice(NICE)
    end = {"state": "stopped", "message": "The server was shut down."}
    try:
        end = _wait_for_turn(job) or _run(job)
    except Exception as error:
        end = {"state": "failed", "message": f"The job could not be run: {type(error).__name__}."}
    finally:
        is_done = end["state"] == "finished"
        if is_done or (folder / "stop").exists():  # what failed can be begun again with what was given
            shutil.rmtree(folder / "inputs", ignore_errors=True)
        for name in ("tmp", *(() if is_done else ("result",))):
            shutil.rmtree(folder / name, ignore_errors=True)
        if folder.is_dir():
            job.write("end.json", {**end, "at": time.time()})


def _wait_for_turn(job: Job) -> dict[str, str] | None:
    while True:
        if not _beat(job):
            return {"state": "stopped"}
        if ahead(job) < jobs.AT_ONCE:
            (job.folder / "running").touch()
            return None
        time.sleep(BEAT)


def _run(job: Job) -> dict[str, str]:
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
                if not _beat(job):
                    return {"state": "stopped"}
                if time.monotonic() > deadline:
                    return {"state": "failed", "message": f"It took longer than {LONGEST / 3600:g} hours."}
                time.sleep(BEAT)
        finally:
            _end(command)
    if code != 0 or "error" in last_line(job):
        return {"state": "failed", "message": _reason(job, code)}
    return {"state": "finished", "delivered": _deliver(job, str(asked["deliver"])) if asked["deliver"] else ""}


def _beat(job: Job) -> bool:
    """Give a sign of life; False when the job is to end, or its folder is gone."""
    try:
        (job.folder / "pulse").touch()
    except OSError:
        return False
    return not (job.folder / "stop").exists()


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
        main(Path(sys.argv[1]))
    except NeroError as error:
        sys.exit(str(error))
