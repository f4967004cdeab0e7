"""The background process that scores a worklist: the command line, with its progress. Knows no Streamlit."""

import os
from pathlib import Path

from dashboard import places
from dashboard.work import jobs
from dashboard.work.job_folder import Job, all_jobs, facts
from nero_core.store import Worklist

KIND = "worklist"
ANSWER = "worklist answer"


def scorer(listed: Worklist) -> Job | None:
    """The process that scores a worklist, where there is one that has not ended."""
    return _at_work(listed, KIND)


def answerer(listed: Worklist) -> Job | None:
    """The process that sends a worklist's results to the PACS, where there is one that has not ended."""
    return _at_work(listed, ANSWER)


def last_answer(listed: Worklist) -> Job | None:
    """The process that sent results last; None where none did, or it is forgotten."""
    return max(_jobs_of(listed, ANSWER), key=lambda job: job.folder.stat().st_mtime, default=None)


def failure(listed: Worklist) -> str:
    """Why the last process that scored a worklist ended before it was done; empty where somebody stopped it."""
    ended = sorted(_jobs_of(listed, KIND), key=lambda job: job.folder.stat().st_mtime)
    status = jobs.status(ended[-1]) if ended else None
    if status is not None and status.state == "lost":
        return (
            "Expected the worklist to be scored. Found that the process ended without a message, as happens when the "
            "server restarts or memory runs out. Let it go on."
        )
    return status.message if status is not None and status.state in ("failed", "stopped") else ""


def score(listed: Worklist, bundle: Path) -> None:
    """Begin to score what waits, or go on; where a process is at it already, nothing more is done.

    Raises:
        NeroError: the server has no room for another job.
    """
    if scorer(listed) is not None:
        return
    job = jobs.draft()
    order: list[str | Path] = ["--bundle", bundle, "--out", listed.name, "--owner", listed.owner, "--resume"]
    command = jobs.nero("worklist", "score", *order, "--device", os.environ.get("NERO_DEVICE", "auto"))
    jobs.start(job, [*command, "--progress", str(job.progress)], KIND, owner=listed.owner, worklist=str(listed.id))


def answer(listed: Worklist, bundle: Path, reader: str, only: int | None = None) -> None:
    """Begin to send the results of the reviewed images to the PACS; nothing more while that is done already.

    Args:
        listed: it came from the PACS.
        bundle: that it was scored with.
        reader: who asks for it.
        only: position of the one image that is meant, from 0; all that are reviewed where None.

    Raises:
        NeroError: the server has no room for another job.
    """
    if answerer(listed) is not None:
        return
    job = jobs.draft()
    device = os.environ.get("NERO_DEVICE", "auto")
    order: list[str | Path] = ["--bundle", bundle, "--owner", listed.owner, "--reader", reader, "--device", device]
    order += ["--progress", job.progress, *(() if only is None else ("--item", str(only + 1)))]
    jobs.start(
        job, jobs.nero("worklist", "send", *order, "--", listed.name), ANSWER, owner=reader, worklist=str(listed.id)
    )


def _at_work(listed: Worklist, kind: str) -> Job | None:
    return next((job for job in _jobs_of(listed, kind) if not jobs.status(job).is_over), None)


def _jobs_of(listed: Worklist, kind: str) -> list[Job]:
    found = (job for job in all_jobs(places.jobs()) if facts(job).get("worklist") == str(listed.id))
    return [job for job in found if jobs.find(job.id, kind) is not None]
