"""Long work, as lines of a table that several processes may take from.

A worker claims a job, gives signs of life, learns from each whether it is to stop, and says how it ended. A process
that was killed gives none: when its lease ends, another worker may claim the job and go on. Who knows a job's token may
see and stop it; tokens cannot be guessed.
"""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Update, and_, delete, func, insert, or_, select, update

from nero_core.errors import BusyError, StoreError
from nero_core.store.audit import write_lines
from nero_core.store.job_records import End, Job, JobClaim, Order
from nero_core.store.schema import JobRow
from nero_core.store.store import SKEW, Store, lock

LEASE = 30.0  # seconds without a sign of life after which a job's process is taken for dead
MOST_ATTEMPTS = 3  # processes that may die on a job


def add_job(
    store: Store,
    kind: str,
    owner: str,
    request: Mapping[str, Any] | None = None,
    most_unfinished: int | None = None,
    place: str = "",
    token: str | None = None,
) -> Job:
    """Line up a job.

    Args:
        store: where to.
        kind: what is to be done.
        owner: for whom.
        request: what the worker needs to know, as JSON. No names of files.
        most_unfinished: jobs of the place that may be unfinished.
        place: where its files are, such as one server's ``NERO_HOME``: servers that share a database take no jobs from
            one another.
        token: 22 characters that nobody can guess; new ones where None.

    Raises:
        BusyError: so many are unfinished already.
    """
    token = token or secrets.token_urlsafe(16)
    with store.writing() as connection:
        lock(connection, "jobs")
        if most_unfinished is not None:
            unfinished = connection.execute(
                select(func.count()).where(JobRow.place == place, _is_unfinished(store.now()))
            ).scalar_one()
            if unfinished >= most_unfinished:
                raise BusyError(
                    f"Expected fewer than {most_unfinished} unfinished jobs on this server. Found {unfinished}. "
                    "Wait for one to finish."
                )
        row = {
            "token": token,
            "kind": kind,
            "owner": owner,
            "place": place,
            "request": dict(request or {}),
            "outcome": {},
        }
        statement = insert(JobRow).values(**row, added=store.now()).returning(JobRow.id)
        number = connection.execute(statement).scalar_one()
        write_lines(connection, store, owner, "job added", [{"job": number, "kind": kind}])
        return _find(connection, store, JobRow.id == number)[0]


def claim_job(
    store: Store,
    token: str | None = None,
    kinds: Collection[str] = (),
    at_once: int | None = None,
    seconds: float = LEASE,
    place: str = "",
    most_attempts: int = MOST_ATTEMPTS,
) -> JobClaim | None:
    """Take the first job that waits, or whose process died; the others wait for their turn.

    Args:
        store: where they are.
        token: of the job, where only this one is wanted.
        kinds: of jobs that the worker can do; all where empty.
        at_once: jobs of the place that may run; those that were asked for first go first.
        seconds: that the lease lasts, from now or from a ``pulse``.
        place: where the worker is.
        most_attempts: processes that may die on a job; 1 where it is not to be begun again.

    Returns:
        None where nothing is to be done, or it is not its turn yet.
    """
    now, claim = store.now(), secrets.token_hex(16)
    with store.writing() as connection:
        lock(connection, "jobs")
        free = or_(JobRow.state == "waiting", _is_lost(now))
        deadly = update(JobRow).where(JobRow.place == place, _is_lost(now), JobRow.attempts >= most_attempts)
        message = "Its process ended without a word, as happens when memory runs out."
        connection.execute(deadly.values(state="failed", message=message, ended=now, **_unclaimed()))
        stopping = update(JobRow).where(JobRow.place == place, _is_lost(now), JobRow.is_stopping.is_(True))
        connection.execute(stopping.values(state="stopped", ended=now, **_unclaimed()))
        query = select(JobRow.id).where(JobRow.place == place, free).order_by(JobRow.id)
        if token is not None:
            query = query.where(JobRow.token == token)
        if kinds:
            query = query.where(JobRow.kind.in_(kinds))
        number = connection.execute(query.limit(1)).scalar()
        if number is None or (at_once is not None and _ahead(connection, number, place, now) >= at_once):
            return None
        values = {"state": "running", "claim": claim, "claimed": now, "until": now + timedelta(seconds=seconds)}
        taken = update(JobRow).where(JobRow.id == number)
        connection.execute(taken.values(**values, attempts=JobRow.attempts + 1))
        return JobClaim(claim, _find(connection, store, JobRow.id == number)[0])


def pulse(store: Store, claim: str, stage: str = "", done: int = 0, total: int = 0, seconds: float = LEASE) -> Order:
    """Give a sign of life, and say how far the job is.

    Returns:
        Whether to go on, to stop, or to leave the job alone because another worker has it.
    """
    now = store.now()
    values: dict[str, Any] = {"claimed": now, "until": now + timedelta(seconds=seconds)}
    if stage:
        values |= {"stage": stage, "done": done, "total": total}
    with store.writing() as connection:
        is_stopping = connection.execute(_mine(claim).values(**values).returning(JobRow.is_stopping)).scalar()
    return "not yours" if is_stopping is None else "stop" if is_stopping else "go on"


def end_job(store: Store, claim: str, state: End, message: str = "", outcome: Mapping[str, Any] | None = None) -> bool:
    """Say how the job ended.

    Returns:
        Whether it was the worker's still; else nothing is written.
    """
    now = store.now()
    values = {"state": state, "message": message, "outcome": dict(outcome or {}), "ended": now}
    with store.writing() as connection:
        ended = connection.execute(
            _mine(claim).values(**values, **_unclaimed()).returning(JobRow.id, JobRow.owner, JobRow.kind)
        ).first()
        if ended is not None:
            details = {"job": ended.id, "kind": ended.kind, "state": state}
            write_lines(connection, store, ended.owner, "job ended", [details])
    return ended is not None


def stop_job(store: Store, token: str, actor: str) -> None:
    """Ask a job to end: one that waits, or whose process died, at once; a running one at its next sign of life."""
    now = store.now()
    with store.writing() as connection:
        lock(connection, "jobs")
        row = connection.execute(
            select(JobRow.id, JobRow.kind).where(JobRow.token == token, JobRow.state.in_(("waiting", "running")))
        ).first()
        if row is None:
            return
        idle = and_(JobRow.id == row.id, or_(JobRow.state == "waiting", _is_lost(now)))
        at_once = update(JobRow).where(idle).values(state="stopped", is_stopping=True, ended=now, **_unclaimed())
        if not connection.execute(at_once).rowcount:
            connection.execute(update(JobRow).where(JobRow.id == row.id).values(is_stopping=True))
        write_lines(connection, store, actor, "job stopped", [{"job": row.id, "kind": row.kind}])


def find_job(store: Store, token: str, kind: str | None = None) -> Job | None:
    """The job of a token, and of a kind where one is given."""
    where = JobRow.token == token if kind is None else and_(JobRow.token == token, JobRow.kind == kind)
    with store.reading() as connection:
        found = _find(connection, store, where)
    return found[0] if found else None


def find_jobs(store: Store, owner: str | None = None, kinds: Collection[str] = ()) -> tuple[Job, ...]:
    """The jobs, the newest first: of an owner and of some kinds, where they are given."""
    conditions = [] if owner is None else [JobRow.owner == owner]
    conditions += [JobRow.kind.in_(kinds)] if kinds else []
    with store.reading() as connection:
        return tuple(reversed(_find(connection, store, *conditions)))


def remove_job(store: Store, token: str) -> None:
    """Forget a job that has ended; another stays.

    Raises:
        StoreError: it has not ended.
    """
    with store.writing() as connection:
        lock(connection, "jobs")
        found = _find(connection, store, JobRow.token == token)
        if found and not found[0].is_over:
            raise StoreError(f"Expected a job that has ended. Found one that is {found[0].state}. Stop it first.")
        connection.execute(delete(JobRow).where(JobRow.token == token))


def _find(connection: Connection, store: Store, *where: ColumnElement[bool]) -> list[Job]:
    now = store.now()
    names = [name for name in Job.__dataclass_fields__ if name != "ahead"]
    columns = [getattr(JobRow, name) for name in names]
    query: Select[Any] = select(*columns, _is_lost(now).label("is_lost")).where(*where).order_by(JobRow.id)
    return [_record(connection, row, now) for row in connection.execute(query).mappings().all()]


def _record(connection: Connection, row: Mapping[Any, Any], now: datetime) -> Job:
    values = dict(row)
    if values.pop("is_lost"):
        values["state"] = "lost"
    return Job(**values, ahead=_ahead(connection, row["id"], row["place"], now) if row["state"] == "waiting" else 0)


def _ahead(connection: Connection, number: int, place: str, now: datetime) -> int:
    """Living jobs that were asked for before, and those that run."""
    first = and_(JobRow.id < number, JobRow.state == "waiting")
    runs = and_(JobRow.state == "running", ~_is_lost(now), JobRow.id != number)
    query = select(func.count()).select_from(JobRow).where(JobRow.place == place, or_(first, runs))
    return connection.execute(query).scalar_one()


def _is_unfinished(now: datetime) -> ColumnElement[bool]:
    return or_(JobRow.state == "waiting", and_(JobRow.state == "running", ~_is_lost(now)))


def _is_lost(now: datetime) -> ColumnElement[bool]:
    """A claim without a living worker. One from the future, by a clock that
    was set back since, has no end that could be waited for."""
    return and_(JobRow.state == "running", or_(JobRow.until <= now, JobRow.claimed > now + SKEW))


def _mine(claim: str) -> Update:
    return update(JobRow).where(JobRow.claim == claim, JobRow.state == "running")


def _unclaimed() -> dict[str, None]:
    return {"claim": None, "claimed": None, "until": None}
