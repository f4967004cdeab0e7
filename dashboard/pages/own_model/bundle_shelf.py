"""The reference sets that users of this server made: use, download, load, remove."""

import shutil
import tempfile
from pathlib import Path

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.components.staged_upload import most_megabytes, staged_upload
from dashboard.pages.own_model.model_form import use_or_screen
from dashboard.plain_errors import plain_errors
from nero_core import pack_bundle, unpack_bundle
from nero_core.errors import BundleError

KIND = "shelf"
PACKED = ".nero.zip"


def bundle_shelf() -> None:
    """The list, and a way to load one that was made elsewhere."""
    with st.container(border=True, key="shelf"), plain_errors():
        st.subheader("Reference sets made on this server", anchor=False)
        own = resources.own_bundles()
        if own:
            st.caption(
                "Everyone who uses this server sees them and may remove them. Those that came with the program stay."
            )
        else:
            st.caption("None yet. What you make above or load below appears here, for everyone who uses this server.")
        for path in own:
            _row(path)
    with st.container(border=True, key="load"), plain_errors():
        st.subheader("Load one that was made elsewhere", anchor=False)
        file = staged_upload(
            f"A reference set as one file ({PACKED}), at most {most_megabytes()} MB", state.jobs.PACKED, ".zip", KIND
        )
        if file is not None and st.button("Add it to the list", type="primary", key="load_bundle"):
            with st.spinner("Checking every file of it …"):
                name = _load(file)
            state.site.announce(f"{name} is in the list.")
            st.rerun()
        announcement = state.site.announced()
        if announcement:
            st.success(words.plain(announcement), icon=":material/check:")


def packed(path: Path) -> bytes:
    """A bundle as one file."""
    with tempfile.TemporaryDirectory(dir=places.make_private(places.home() / "packing")) as folder:
        file = Path(folder) / f"bundle{PACKED}"
        pack_bundle(path, file)
        return file.read_bytes()


def remove(path: Path) -> None:
    """Remove a bundle that users made; out of the list in one move, then from the disk. Another is chosen for it."""
    if not places.is_own(path) or not path.is_dir():
        return
    is_chosen = state.site.bundle() == resources.name_of(path)
    gone = path.with_name(f".{path.name}.removed")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    others = resources.bundle_paths()
    if is_chosen and others:
        state.site.choose_bundle(next(iter(others)))


def _row(path: Path) -> None:
    name = resources.name_of(path) or path.name
    with st.container(horizontal=True, vertical_alignment="center", key=f"own_{path.name}"):
        st.markdown(f"**{words.plain(name)}**", width="stretch")
        use_or_screen(name, path.name)
        st.download_button(
            "Download",
            lambda: packed(path),
            file_name=f"{path.name}{PACKED}",
            mime="application/zip",
            key=f"pack_{path.name}",
            on_click="ignore",
        )
        with st.popover("Remove"):
            st.markdown(f"Remove {words.plain(name)} for everyone? It cannot be brought back.")
            st.button("Yes, remove it", key=f"remove_{path.name}", on_click=remove, args=(path,))


def _load(file: Path) -> str:
    """Put a packed bundle among the others: under its own name, or beside another of that name.

    Raises:
        NeroError: it is no bundle, was altered, or there are too many.
    """
    title = file.name.removesuffix(".zip").removesuffix(".nero")
    place = places.free_place(title)
    same = places.bundles() / places.folder_name(title)
    try:
        unpack_bundle(file, same)
        return same.name
    except BundleError:
        if same == place:
            raise
    unpack_bundle(file, place)
    return place.name
