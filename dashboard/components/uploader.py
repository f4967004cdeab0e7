"""Files in: what can be read, and a sentence for each that cannot."""

from collections import Counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources, state, words
from dashboard.resources import Source

MEGABYTES = 50  # the same as nero_core's own limit


def upload(beside: DeltaGenerator) -> list[Source]:
    """The uploaded files that can be read, in their order; ``beside`` says what is wrong with the others."""
    files = st.file_uploader(
        "Images: PNG, JPEG, TIFF, BMP or WebP",
        accept_multiple_files=True,
        key=state.FILES,
        max_upload_size=MEGABYTES,
        help="They stay in this session's memory and are never written to disk or into a link.",
    )
    names = distinct([file.name for file in files])
    sources = [resources.source(file.file_id, name, file.getvalue()) for file, name in zip(files, names, strict=True)]
    if sources:
        with st.spinner(f"Reading {len(sources)} {'file' if len(sources) == 1 else 'files'} …"):
            problems = [resources.problem(item) for item in sources]
        with beside:
            _say(sources, problems)
        sources = [item for item, wrong in zip(sources, problems, strict=True) if not wrong]
    state.take_new_files([item.key for item in sources])
    return sources


def distinct(names: list[str]) -> list[str]:
    """Names for reading; a second file of one name becomes ``frame.png (2)``."""
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        seen[name] += 1
        told.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return told


def _say(sources: list[Source], problems: list[str]) -> None:
    wrong = [sentence for sentence in problems if sentence]
    if not wrong:
        return
    good = len(sources) - len(wrong)
    head = f"{len(wrong)} of {len(sources)} files cannot be read" + (f"; the other {good} can." if good else ".")
    lines = [words.plain(sentence) for sentence in wrong]
    st.error("\n".join([head, "", *(f"- {line}" for line in lines)]), icon=":material/error:")
