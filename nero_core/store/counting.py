"""How much there is of everything, for who watches a server: a few counts, no name and no row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select

from nero_core.store.schema import ItemRow, JobRow, ResultRow, WorklistRow
from nero_core.store.store import Store


@dataclass(frozen=True, slots=True)
class Tallies:
    """Counts of one moment.

    Attributes:
        jobs: jobs of a place, by kind and state.
        job_waits: seconds since the first of the waiting jobs was asked for, by kind.
        items: images of all worklists, by state.
        item_waits: seconds since the worklist was made that has waited longest with an image open; 0 where none has.
        results: results, by digest of the bundle and verdict; ``failed`` where there is none.
        p_values: of the last days, by digest of the bundle: how many p-values lie at or below each edge.
    """

    jobs: Mapping[tuple[str, str], int]
    job_waits: Mapping[str, float]
    items: Mapping[str, int]
    item_waits: float
    results: Mapping[tuple[str, str], int]
    p_values: Mapping[str, tuple[int, ...]]


def tallies(store: Store, place: str, edges: Sequence[float], days: float = 7.0) -> Tallies:
    """Count.

    Args:
        store: where.
        place: whose jobs are counted; see ``add_job``.
        edges: of the bins of p-values, ascending.
        days: how far back p-values are counted.
    """
    now = store.now()
    since = now - timedelta(days=days)
    cumulative = [func.sum(case((ResultRow.p_value <= edge, 1), else_=0)) for edge in edges]
    by_kind = select(JobRow.kind, JobRow.state, func.count(), func.min(JobRow.added)).where(JobRow.place == place)
    oldest = select(func.min(WorklistRow.added)).where(
        select(ItemRow.id).where(ItemRow.worklist == WorklistRow.id, ItemRow.state.in_(("waiting", "claimed"))).exists()
    )
    verdict = func.coalesce(ResultRow.verdict, "failed")
    by_verdict = select(ResultRow.bundle, verdict, func.count()).group_by(ResultRow.bundle, verdict)
    recent = select(ResultRow.bundle, *cumulative).where(ResultRow.at >= since, ResultRow.p_value.is_not(None))
    with store.reading() as connection:
        jobs = connection.execute(by_kind.group_by(JobRow.kind, JobRow.state)).all()
        items = connection.execute(select(ItemRow.state, func.count()).group_by(ItemRow.state)).all()
        return Tallies(
            {(row[0], row[1]): row[2] for row in jobs},
            {row[0]: _seconds(now, row[3]) for row in jobs if row[1] == "waiting"},
            {row[0]: row[1] for row in items},
            _seconds(now, connection.execute(oldest).scalar()),
            {(row[0], row[1]): row[2] for row in connection.execute(by_verdict)},
            {row[0]: tuple(map(int, row[1:])) for row in connection.execute(recent.group_by(ResultRow.bundle))},
        )


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
