"""A new worklist: from files, zips, videos, a folder on the server, or a study of the PACS.

Files are written to the disk at once; the frames of a video and the images of a study come while it is scored.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from dashboard import places, state, words
from dashboard.components.staged_upload import most_megabytes
from dashboard.pages.worklist.pacs_study import pacs_study
from dashboard.pages.worklist.reader import reader
from dashboard.plain_errors import plain_errors
from dashboard.work import worklist_jobs
from nero_core import Inspector, pacs
from nero_core.atomic import new_file
from nero_core.data import LeftOut
from nero_core.errors import NeroError
from nero_core.store import Store, Worklist, find_worklists
from nero_core.worklist import begin, files_of, keep_files, loose_files

PIECE = 2**20  # bytes
ZIP = ".zip"


def creation(store: Store, inspector: Inspector) -> None:
    """The form."""
    with st.container(border=True, key="new_worklist"), plain_errors():
        st.subheader("A new worklist", anchor=False)
        state.worklist.propose_name(_free_name(store))
        name = st.text_input("Name", key=state.worklist.NAME, max_chars=200).strip()
        folder = ""
        if places.data() is not None:
            folder = st.text_input(
                "A folder, a zip or a video on the server",
                key=state.worklist.FOLDER,
                placeholder="below the server's data folder",
            ).strip()
        most = most_megabytes()
        first = "Images" if places.data() is None else "Or images"
        given = st.file_uploader(
            f"{first}, DICOM files, zips or videos, at most {most} MB each",
            accept_multiple_files=True,
            key=state.worklist.uploads_key(),
            max_upload_size=most,
        )
        study = pacs_study()
        kept = "names" if store.keeps_names else "no names of files, only a digest of each"
        st.caption(
            "Scored with the reference set that is chosen in the side bar, "
            f"{words.plain(inspector.bundle.card.title)}. This server keeps {kept}. "
            "Do not write the name of a patient into the name of the list."
        )
        if st.button("Make the worklist", type="primary", key="make_worklist", disabled=not (given or folder or study)):
            listed = _make(store, inspector, name, folder, given, study)
            state.worklist.empty_uploads()
            state.worklist.show(listed.id)
            st.rerun()


def _free_name(store: Store) -> str:
    """The minute, with a number where a worklist of this minute is there already."""
    minute, taken = f"{datetime.now():%Y-%m-%d %H:%M}", {listed.name for listed in find_worklists(store, reader())}
    names = (minute if number == 1 else f"{minute} ({number})" for number in count(1))
    return next(name for name in names if name not in taken)


def _make(
    store: Store, inspector: Inspector, name: str, folder: str, given: Sequence[BinaryIO], study: str
) -> Worklist:
    """Write the files to the store's folder, list them, and begin to score.

    Raises:
        NeroError: there is no name, nothing that could be an image, or no room.
    """
    if not name:
        raise NeroError("Expected a name for the worklist. Found none. Write one above.")
    bar = st.progress(0.0, text="Reading the files …")
    left_out: list[LeftOut] = []

    def tell(done: int, total: int) -> None:
        bar.progress(done / total, text=f"Writing the files to the server's disk: {done} of {total} …")

    with ExitStack() as stack:
        inside = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=places.make_private(places.home() / "tmp"))))
        sources = (
            [places.below_data(folder, may_be_file=True)] if folder else [_written(file, inside) for file in given]
        )
        loose = [] if folder else [source for source in sources if source.suffix.lower() != ZIP]
        files = list(loose_files(loose))
        for source in sources:
            if source not in loose:
                files += stack.enter_context(files_of(source, inside, left_out.append))
        keep_files(store, files, tell)
        method = inspector.default_method()
        more = [pacs.study_source(study)] if study else []
        listed = begin(store, inspector, name, reader(), files, method, None, more)
    bar.empty()
    worklist_jobs.score(listed, inspector.bundle.path)
    if left_out:
        state.site.announce(" ".join(map(str, left_out)))
    return listed


def _written(file: BinaryIO, inside: Path) -> Path:
    """An upload on the disk under its name, beside others of that name."""
    folder = Path(tempfile.mkdtemp(dir=inside))
    shown = str(getattr(file, "name", "image"))
    suffix = Path(shown).suffix[:8]
    path = folder / f"{places.folder_name(Path(shown).stem)}{suffix}"
    file.seek(0)
    with new_file(path) as part, part.open("wb") as out:
        while piece := file.read(PIECE):
            out.write(piece)
    return path
