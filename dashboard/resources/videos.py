"""Uploaded videos: what they are, and single frames of them."""

import io

import streamlit as st
from PIL import Image

from dashboard.resources.images import DECODERS, HOUR, Source
from nero_core.errors import ImageError
from nero_core.types import time_stamp
from nero_core.video import Video, video_kind

HEAD = 2048  # bytes that tell the kind


def is_video(item: Source) -> bool:
    """Whether a file begins as a video."""
    return video_kind(item.data[:HEAD]) is not None


def video_problem(item: Source) -> str:
    """What is wrong with a video, as far as its header tells, or nothing."""
    return _video_problem(item.id, item.name, item)


def frame_key(item: Source, time: float) -> str:
    """The key of a frame's ``Source``."""
    return f"{item.key} {time:.6f}"


def video_frame(item: Source, time: float) -> Source:
    """One frame of a video as an image file, which the pages show like any other.

    Args:
        item: the video.
        time: seconds, as its timeline has it.

    Raises:
        ImageError: there is no frame at this time.
    """
    data, digest = _video_frame(item.id, time, item)
    return Source(frame_key(item, time), f"{item.name} · {time_stamp(time)}", data, digest)


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _video_problem(video_id: str, name: str, _item: Source) -> str:
    try:
        Video(_item.data, name, digest=video_id)
    except ImageError as error:
        return str(error)
    return ""


@st.cache_resource(max_entries=16, ttl=HOUR, show_spinner="Looking for the frame …")
def _video_frame(video_id: str, time: float, _item: Source) -> tuple[bytes, str]:
    with DECODERS:
        picture = Video(_item.data, "video", digest=video_id).frame_at(time)
        buffer = io.BytesIO()
        Image.fromarray(picture.pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), picture.id
