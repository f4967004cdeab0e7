"""``nero quality``: how a bundle does over time."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.db import read_age
from nero_core.cli.json_lines import json_text
from nero_core.cli.terminal import printable

if TYPE_CHECKING:
    from nero_core.worklist import ClassCounts, Counts, Quality, Week


def quality(
    bundle: Annotated[Path, typer.Option(help="Bundle folder, made by nero calibrate.")],
    since: Annotated[
        str | None, typer.Option(help="Results of this age and younger: 90d, 12w, 6m (of 30 days) or 1y.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """What a bundle has scored in all worklists, how often readers overrode it, and whether the world has moved.

    Each week's p-values are tested (Kolmogorov-Smirnov) against the uniform distribution that the bundle's own
    calibration images stand for, and the tests adjusted for the number of weeks (Benjamini-Hochberg).
    """
    from datetime import timedelta

    from nero_core.calibration import read_card
    from nero_core.store import open_store
    from nero_core.worklist import quality as quality_of

    card, digest = read_card(bundle)
    with open_store() as store:
        start = None if since is None else store.now() - timedelta(days=read_age(since))
        found = quality_of(store, digest, card.counts.get("calibration"), start)
    if as_json:
        typer.echo(json_text(_record(card.title, found)), nl=False)
        return
    typer.echo(f"{printable(card.title)}: {found.scored} images scored, {found.reviewed} reviewed")
    if not found.scored:
        typer.echo("Nothing yet. Score a worklist with: nero worklist score FOLDER --bundle BUNDLE --out NAME")
        return
    _print("predicted", [(printable(row.predicted), row) for row in found.classes], ())
    _print("week from", [(f"{week.monday}", week) for week in found.weeks], ("median p", "KS", "adjusted p", ""))
    moved = sum(week.has_moved for week in found.weeks)
    tested = sum(week.ks_p_value is not None for week in found.weeks)
    typer.echo(
        f"{moved} of {tested} weeks that were tested have moved. A median p below 0.5 says: more unlike than the "
        "calibration images."
    )
    typer.echo(
        "Worklists are often chosen, not a random sample, and images of one patient are not independent: look at the "
        "images of a week before you believe its test."
    )


def _record(title: str, found: "Quality") -> dict[str, Any]:
    record = asdict(found) | {"title": title, "override_rate": found.override_rate}
    for row, counts in zip((*record["classes"], *record["weeks"]), (*found.classes, *found.weeks), strict=True):
        row["override_rate"] = counts.override_rate
    for row, week in zip(record["weeks"], found.weeks, strict=True):
        row |= {"monday": week.monday.isoformat(), "has_moved": week.has_moved}
    return record


def _print(first: str, rows: "list[tuple[str, ClassCounts]] | list[tuple[str, Week]]", more: tuple[str, ...]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE)
    for column in (first, "scored", "unlike", "agreed", "overridden", "second look", *more):
        table.add_column(column, justify="left" if column in (first, "") else "right")
    for name, row in rows:
        table.add_row(name, *_counts(row), *(_test(row) if more else ()))  # type: ignore[arg-type]
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


def _counts(row: "Counts") -> tuple[str, ...]:
    rate = "" if row.override_rate is None else f" ({row.override_rate:.0%})"
    unlike = f"{row.unlike} ({row.unlike / row.scored:.0%})"
    return str(row.scored), unlike, str(row.agreed), f"{row.overridden}{rate}", str(row.second_look)


def _test(week: "Week") -> tuple[str, ...]:
    if week.ks_statistic is None or week.adjusted_p is None:
        return f"{week.median_p:.2f}", "", "", "too few"
    note = "moved" if week.has_moved else ""
    return f"{week.median_p:.2f}", f"{week.ks_statistic:.2f}", f"{week.adjusted_p:.2g}", note
