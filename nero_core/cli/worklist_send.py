"""``nero worklist send``: what readers said goes back to the PACS; and the sources of a worklist that are there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.options import Device, Seed
from nero_core.cli.progress import ProgressFile, progress_bar
from nero_core.cli.terminal import printable
from nero_core.errors import StoreError
from nero_core.store.settings import local_user

if TYPE_CHECKING:
    from nero_core.store import Store, Worklist
    from nero_core.worklist import Lister


def send(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a worklist that came from the PACS.")],
    bundle: Annotated[Path, typer.Option(help="Bundle folder that it was scored with.")],
    item: Annotated[list[int] | None, typer.Option(help="Number of one image in the list; may be repeated.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose worklist it is.", hidden=True)] = None,
    reader: Annotated[str | None, typer.Option(help="Who sends it.", hidden=True)] = None,
    seed: Seed = 0,
    device: Device = "auto",
    progress: ProgressFile = None,
) -> None:
    """Send the maps of the reviewed images and one report on them to the study that they came from."""
    import torch

    from nero_core.inspector import Inspector
    from nero_core.pacs import Archive, read_settings, send_back
    from nero_core.store import find_items, find_worklists, open_store

    torch.manual_seed(seed)
    with progress_bar(file=progress) as advance, open_store() as store:
        found = find_worklists(store, owner or local_user(), name)
        if not found:
            raise StoreError(f"Expected a worklist of the name {name!r}. Found none. See: nero worklist list")
        archive, inspector = Archive(read_settings()), Inspector.load(bundle, device)
        pages = [find_items(store, found[0].id, offset=number - 1, limit=1) for number in item or () if number > 0]
        only = [each.id for page in pages for each in page.items]
        if item and not only:
            raise StoreError(f"Expected images from 1 to {found[0].total}. Found none of the numbers. Choose another.")
        actor = reader or local_user()
        sent = send_back(
            store, found[0], inspector, archive, actor, only, lambda done, total: advance("sending", done, total)
        )
    typer.echo(f"{sent} {'object' if sent == 1 else 'objects'} sent to {printable(archive.host)}.")


def sources_of(study: str) -> "list[dict[str, Any]]":
    """The study of the PACS that a worklist is to be made from; nothing where none is named.

    Raises:
        PacsError: no PACS is named.
    """
    if not study:
        return []
    from nero_core.pacs import read_settings, study_source

    read_settings()
    return [study_source(study)]


def listers_of(store: "Store", listed: "Worklist") -> "dict[str, Lister]":
    """What reads the sources of a worklist that are in the PACS; nothing where it has none.

    Raises:
        PacsError: it has, and no PACS is named.
    """
    if not any("study" in source for source in listed.sources):
        return {}
    from nero_core.pacs import STUDY, Archive, read_settings, study_lister

    return {STUDY: study_lister(store, Archive(read_settings()), listed.id, listed.owner)}
