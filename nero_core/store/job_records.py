"""The records of jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["waiting", "running", "finished", "failed", "stopped", "lost"]
End = Literal["finished", "failed", "stopped"]
Order = Literal["go on", "stop", "not yours"]


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        id: its number; jobs begin in this order.
        token: what a URL names.
        kind: what is to be done.
        owner: for whom.
        place: where it can be done; see ``add_job``.
        request: what the worker needs to know, as JSON.
        state: ``lost`` is a process that died without a word; the job can be claimed again.
        is_stopping: whether it was asked to end.
        stage: what is being done.
        done: of ``total``, in this stage.
        total: 0 where nothing is known yet.
        message: why it failed.
        outcome: what it left, as JSON.
        added: when it was asked for.
        ended: when it ended; None before.
        ahead: jobs that are running or come first, while it waits.
    """

    id: int
    token: str
    kind: str
    owner: str
    place: str
    request: Mapping[str, Any]
    state: State
    is_stopping: bool
    stage: str
    done: int
    total: int
    message: str
    outcome: Mapping[str, Any]
    added: datetime
    ended: datetime | None
    ahead: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more, unless somebody claims it again."""
        return self.state not in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class JobClaim:
    """A job that one worker alone may do, until its lease ends.

    Attributes:
        token: what the worker shows.
        job: as it was when it was claimed.
    """

    token: str
    job: Job
