"""That a report was made, in the audit log: which bytes, of what, by whom."""

import hashlib

from nero_core.case_report.records import CaseReport
from nero_core.case_report.signature import Signer
from nero_core.store import Store, record


def note_report(
    store: Store,
    actor: str,
    form: str,
    data: bytes,
    report: CaseReport,
    signer: Signer | None = None,
    worklist: int | None = None,
) -> None:
    """Add a line ``report made`` or ``report signed``. Digests and numbers alone: no name of a file, no free text.

    Args:
        store: whose log.
        actor: who asked for it.
        form: ``pdf`` or ``html``.
        data: the file.
        report: what it was made of.
        signer: who signed it; None where nobody did.
        worklist: its number; None of images alone.
    """
    details: dict[str, str | int] = {"sha256": hashlib.sha256(data).hexdigest(), "format": form}
    details["pages"] = len(report.cases)
    if worklist is not None:
        details["worklist"] = worklist
    if signer is not None:
        details["certificate"] = signer.digest
    record(store, actor, "report made" if signer is None else "report signed", **details)
