"""Large uploads: written in pieces to the folder of the job that they are for, and gone with it."""

from pathlib import Path
from typing import BinaryIO

import streamlit as st

from dashboard import places, state, words
from dashboard.work import jobs
from dashboard.work.jobs import Job
from nero_core.atomic import new_file

WANTED_MEGABYTES = 500  # a ViT-B checkpoint has 343 MB
PIECE = 2**20  # bytes


def most_megabytes() -> int:
    """The largest upload: the server's own setting bounds what a page may ask for."""
    return min(WANTED_MEGABYTES, int(st.get_option("server.maxUploadSize")))


def draft(kind: str) -> Job:
    """This session's folder for a job of this kind; made when the first file comes.

    Raises:
        NeroError: the server has no room for another.
    """
    job = jobs.find_draft(state.jobs.draft(kind))
    if job is None:
        job = jobs.draft()
        state.jobs.keep_draft(kind, job.id)
    return job


def staged_upload(label: str, key: str, suffix: str, kind: str, about: str = "") -> Path | None:
    """An uploader whose file is a path on the server's disk; None where nothing was chosen.

    Args:
        label: above it.
        key: of the widget.
        suffix: the one kind of file that it takes, such as ``.zip``.
        kind: of the job that the file is for.
        about: a sentence for the question mark.

    Raises:
        NeroError: the server has no room for another job.
    """
    most = most_megabytes()
    file = st.file_uploader(label, type=[suffix], key=key, max_upload_size=most, help=about or None)
    staged = state.jobs.staged(kind)
    if file is None:
        if staged.get(key) == state.jobs.STILL_THERE:
            return _still_there(kind, key)
        staged.pop(key, None)
        return None
    name = f"{places.folder_name(Path(file.name).stem)}{suffix}"
    path = draft(kind).inputs / key / name
    if state.jobs.staged(kind).get(key) != file.file_id or not path.is_file():
        with st.spinner(f"Writing {words.plain(file.name)} to the server's disk …"):
            _write(file, path)
        state.jobs.staged(kind)[key] = file.file_id
    return path


def _still_there(kind: str, key: str) -> Path | None:
    """What an earlier try was given, with a way to take it back."""
    folder = draft(kind).inputs / key
    path = next(iter(sorted(folder.iterdir())), None) if folder.is_dir() else None
    if path is None:
        state.jobs.staged(kind).pop(key, None)
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"✓ Still here: {words.plain(path.name)} ({path.stat().st_size / 2**20:.1f} MB).", width="stretch")
        st.button("Remove", key=f"take_back_{key}", on_click=_take_back, args=(kind, key, path))
    return path


def _take_back(kind: str, key: str, path: Path) -> None:
    state.jobs.staged(kind).pop(key, None)
    path.unlink(missing_ok=True)


def _write(file: BinaryIO, path: Path) -> None:
    """In pieces: one read of it all would be a second copy in memory."""
    places.make_private(path.parent)
    for older in path.parent.iterdir():
        older.unlink()
    file.seek(0)
    with new_file(path) as part, part.open("wb") as out:
        while piece := file.read(PIECE):
            out.write(piece)
