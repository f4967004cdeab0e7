"""``nero report NAME``: a worklist of the store."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nero_core.atomic import write_bytes
from nero_core.cli.progress import progress_bar
from nero_core.cli.terminal import printable
from nero_core.errors import NeroError
from nero_core.store.settings import local_user

if TYPE_CHECKING:
    from nero_core.case_report import CaseReport, ListSettings, Signer

FORMS = (".pdf", ".html")


def is_worklist(subjects: Sequence[str], is_said: bool, owner: str | None) -> bool:
    """Whether a worklist is meant: where it is said, or where there is one of this name and no file.

    Raises:
        NeroError: both are there, or several are named where one can be.
    """
    if is_said:
        if len(subjects) > 1:
            raise NeroError(f"Expected the name of one worklist. Found {len(subjects)}. Make a report for each.")
        return True
    if len(subjects) > 1:
        return False
    (subject,) = subjects
    is_path = os.path.lexists(subject)
    if is_path and (os.sep in subject or "/" in subject):  # said plainly enough
        return False
    if not _has_list(subject, owner):
        return False
    if is_path:
        raise NeroError(
            f"Expected a worklist or a file of the name {subject!r}. Found both. "
            f"Say which: --worklist, or ./{subject} for the file."
        )
    return True


def report_worklist(
    name: str, out: Path, bundle: Path | None, device: str, owner: str | None, settings: "ListSettings", sign: bool
) -> None:
    """Write the report of a worklist; the audit log tells of it.

    Raises:
        NeroError: there is no such worklist, or it cannot be described, set or signed.
    """
    from nero_core.case_report import describe_worklist, load_signer, note_report
    from nero_core.inspector import Inspector
    from nero_core.store import find_worklists, open_store

    signer = load_signer() if sign else None
    with open_store() as store, progress_bar() as advance:
        found = find_worklists(store, owner or local_user(), name)
        if not found:
            raise NeroError(f"Expected a worklist of the name {name!r}. Found none. See: nero worklist list")
        inspector = Inspector.load(bundle, device)
        described = describe_worklist(
            store, found[0], inspector, settings, lambda done, total: advance("describing", done, total)
        )
        data = file_of(described, out, signer)
        write_bytes(out, data)
        note_report(store, local_user(), form_of(out), data, described, signer, found[0].id)
    typer.echo(f"{found[0].total} images, {len(described.cases)} with a page: {printable(str(out))}")


def file_of(described: "CaseReport", out: Path, signer: "Signer | None") -> bytes:
    """PDF or HTML, by the name of the file."""
    from nero_core.case_report import html_report, pdf_report, signed_report

    if signer is not None:
        return signed_report(described, signer)
    return (pdf_report if out.suffix.lower() == ".pdf" else html_report)(described)


def form_of(out: Path) -> str:
    """``pdf`` or ``html``."""
    return out.suffix.lower().removeprefix(".")


def refuse(what: str, options: Mapping[str, object]) -> None:
    """Refuse options that make no sense here.

    Raises:
        NeroError: one of them was given.
    """
    given = [name for name, value in options.items() if value not in (None, "", [])]
    if given:
        raise NeroError(f"Expected no {given[0]} with {what}. Found it given. Leave it out.")


def check_out(out: Path, sign: bool, is_dated: bool) -> None:
    """Before minutes of computing: a name that says the form, in a folder that is there; a date where it is signed."""
    if out.suffix.lower() not in FORMS:
        raise NeroError(f"Expected a file that ends in {' or '.join(FORMS)}. Found {out.name!r}. Name it so.")
    if not os.path.isdir(out.parent):  # noqa: PTH112  Path.is_dir raises on a name that is too long
        raise NeroError(f"Expected a folder to write to. Found no folder {out.parent}. Make it first.")
    if sign and out.suffix.lower() != ".pdf":
        raise NeroError(f"Expected a PDF to sign. Found {out.name!r}. Name a file that ends in .pdf.")
    if sign and not is_dated:
        raise NeroError("Expected the date of a report that is signed. Found none. Give it: --date 2026-11-28")


def _has_list(name: str, owner: str | None) -> bool:
    """Whether there is a worklist of this name; no database is made for the question."""
    from nero_core.store import database_url, find_worklists, open_store

    url = database_url()
    if url.startswith("sqlite:///") and not os.path.exists(url.removeprefix("sqlite:///")):  # noqa: PTH110  as above
        return False
    with open_store() as store:
        return bool(find_worklists(store, owner or local_user(), name))
