"""Files in: what can be read, and a sentence for each that cannot."""

import time
from dataclasses import replace
from itertools import accumulate, count

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import resources, state, words
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core.data import Limits

MEGABYTES = Limits().max_bytes // 2**20
_TOO_LARGE = f"""<style>.stFileUploader:has([aria-invalid="true"])::after {{
  content: "Expected at most {MEGABYTES} MB a file. Files in red are larger and were not read. Make them smaller.";
  display: block; margin-top: 0.4rem; padding-left: 0.6rem; border-left: 3px solid #D55E00; }}</style>"""
PATIENCE = 1.0  # seconds without a bar
MOST_FILES = 100  # one examination's frames; each is decoded and checked when it comes
MOST_MEGABYTES = 100  # together: ten sessions then stay within 1 GB of the server's memory; a worklist is on the disk


def upload(beside: DeltaGenerator) -> tuple[list[Source], list[Source]]:
    """The images and the videos that can be read, in their order; ``beside`` says what is wrong with the others.

    The frame of a video that was chosen in its timeline is one of the images.
    """
    files = st.file_uploader(
        "Images: PNG, JPEG, TIFF, BMP, WebP or DICOM. Videos: MP4, MOV, AVI, MKV or WebM",
        accept_multiple_files=True,
        key=state.images.FILES,
        on_change=state.images.files_changed,
        max_upload_size=MEGABYTES,
        help="They stay in this session's memory and are never written to disk or into a link. What a DICOM file says "
        "of the patient is not shown; what is burnt into the picture stays in it.",
    )
    st.html(_TOO_LARGE)  # the browser refuses these itself, and Streamlit tells only who listens to the page
    earlier = _earlier(files)
    room = fitting([*map(_own_bytes, earlier), *(file.size for file in files)]) - len(earlier)
    drawn, given = _images(files[: max(0, room)], MOST_FILES - len(earlier))
    given += len(files) - max(0, min(room, len(files)))
    if files:
        state.images.draw_files(drawn)
    sources = distinct_names([*earlier, *drawn])
    if len(drawn) < given:
        with beside:
            _say_too_much(len(sources), len(earlier) + given)
    if sources:
        problems = _problems(sources)
        with beside:
            _say(sources, problems)
        sources = [item for item, wrong in zip(sources, problems, strict=True) if not wrong]
    videos = [item for item in sources if resources.is_video(item)]
    images = [item for item in sources if not resources.is_video(item)] + _frames(videos)
    state.images.take_new_files([item.key for item in images])
    return images, videos


def _frames(videos: list[Source]) -> list[Source]:
    """The frame of each video that was chosen."""
    frames = []
    for item in videos:
        time = state.images.frame_time(item.key)
        if time is not None:
            with plain_errors():
                frames.append(resources.video_frame(item, time))
    state.images.keep_frames(frames)
    return frames


def _problems(sources: list[Source]) -> list[str]:
    """What is wrong with each file, or nothing; with a bar where it takes a moment."""
    place, begun, problems = st.empty(), time.monotonic(), []
    with st.spinner(f"Reading {len(sources)} {'file' if len(sources) == 1 else 'files'} …"):
        for number, item in enumerate(sources):
            if time.monotonic() - begun > PATIENCE:
                place.progress(number / len(sources), text=f"{number} of {len(sources)} files are read …")
            problems.append(resources.video_problem(item) if resources.is_video(item) else resources.problem(item))
    place.empty()
    return problems


def _images(files: list[UploadedFile], most: int) -> tuple[list[Source], int]:
    """The images in the files, each frame one, at most so many; and how many there are."""
    drawn, given = list[Source](), 0
    for file in files:
        images, count = resources.sources(file.file_id, file.name, file.getvalue(), max(1, most - len(drawn)))
        drawn += images[: max(0, most - len(drawn))]
        given += count
    return drawn, given


def _own_bytes(item: Source) -> int:
    """Bytes in memory; the frames of a file share them."""
    return len(item.data) if item.frame in (None, 1) else 0


def fitting(sizes: list[int]) -> int:
    """How many of the first files stay within what one session may hold; ``sizes`` in bytes."""
    totals = accumulate(sizes[:MOST_FILES])
    return sum(total <= MOST_MEGABYTES * 2**20 for total in totals)


def distinct(names: list[str]) -> list[str]:
    """Names for reading; a second file of one name becomes ``frame.png (2)``, or the next number that is free."""
    told: list[str] = []
    for name in names:
        numbered = (name if number == 1 else f"{name} ({number})" for number in count(1))
        told.append(next(name for name in numbered if name not in told))
    return told


def distinct_names(files: list[Source]) -> list[Source]:
    """The files under names that differ."""
    names = distinct([item.name for item in files])
    return [replace(item, name=name) for item, name in zip(files, names, strict=True)]


def _earlier(files: list[UploadedFile]) -> list[Source]:
    """The files of earlier visits to this page, which the uploader no longer lists, and a way to remove them."""
    if not files:
        state.images.draw_files([])
    earlier = state.images.kept_files()
    if earlier:
        with st.container(key="kept_files", horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(earlier)} {'file' if len(earlier) == 1 else 'files'} from before")
            st.button(
                "Remove these files", key="remove_files", type="tertiary", on_click=state.images.remove_kept_files
            )
    return earlier


def _say_too_much(used: int, given: int) -> None:
    st.warning(
        f"Expected at most {MOST_FILES} files and {MOST_MEGABYTES} MB together. Found {given} files; the first {used} "
        "are used. Remove some, and add the others afterwards, or make a worklist of them. Each frame of a DICOM file "
        "counts as a file.",
        icon=":material/warning:",
    )


def _say(sources: list[Source], problems: list[str]) -> None:
    wrong = [sentence for sentence in problems if sentence]
    if not wrong:
        return
    good = len(sources) - len(wrong)
    head = f"{len(wrong)} of {len(sources)} files cannot be read" + (f"; the other {good} can." if good else ".")
    lines = [words.plain(sentence) for sentence in wrong]
    st.error("\n".join([head, "", *(f"- {line}" for line in lines)]), icon=":material/error:")
