"""The background process that scores a worklist: the command line, with its progress. Knows no Streamlit."""

import os
from pathlib import Path

from dashboard import places
from dashboard.work import jobs
from dashboard.work.job_folder import Job, all_jobs, facts
from nero_core.store import Worklist

KIND = "worklist"


def scorer(listed: Worklist) -> Job | None:
    """The process that scores a worklist, where there is one that has not ended."""
    return next((job for job in _jobs_of(listed) if not jobs.status(job).is_over), None)


def failure(listed: Worklist) -> str:
    """Why the last process that scored a worklist ended before it was done; empty where it was stopped."""
    ended = sorted(_jobs_of(listed), key=lambda job: job.folder.stat().st_mtime)
    status = jobs.status(ended[-1]) if ended else None
    if status is not None and status.state == "lost":
        return (
            "Expected the worklist to be scored. Found that the process ended without a message, as happens when the "
            "server restarts or memory runs out. Let it go on."
        )
    return status.message if status is not None and status.state == "failed" else ""


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
    jobs.start(job, [*command, "--progress", str(job.progress)], KIND, worklist=str(listed.id))


def _jobs_of(listed: Worklist) -> list[Job]:
    found = (job for job in all_jobs(places.jobs()) if facts(job).get("worklist") == str(listed.id))
    return [job for job in found if jobs.find(job.id, KIND) is not None]
