"""What a set of images holds that somebody brings, an uploaded zip or a folder on the server, and what is left out."""

from collections import Counter
from pathlib import Path

import streamlit as st

from dashboard import words
from nero_core.data import check_archive, read_folder
from nero_core.errors import NeroError


def image_set(source: Path) -> dict[str, int] | None:
    """Say what is in it: the class folders, each with its number of images; None where there is nothing sound."""
    try:
        if source.is_dir():
            files = read_folder(source)
            counts = Counter(files.labels)
            folders, left_out = {name: counts[label] for label, name in enumerate(files.classes)}, files.left_out
        else:
            contents = check_archive(source)
            folders, left_out = dict(contents.classes), contents.left_out
    except NeroError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return None
    st.caption(words.plain(words.contents(folders, left_out.total, left_out.reasons)))
    return folders
