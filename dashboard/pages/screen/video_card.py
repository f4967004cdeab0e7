"""The timeline of an uploaded video; a click on a point shows its frame as an image."""

from dataclasses import replace
from functools import partial

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import figure_download
from dashboard.components.task_progress import WHILE_HERE, task_progress
from dashboard.options import Options
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.figures import short_id, timeline_figure
from nero_core.types import Timeline

EVERY = (0.25, 0.5, 1.0, 2.0, 5.0)  # seconds between two frames
USUAL = 0.5


def video_cards(inspector: Inspector, videos: list[Source], options: Options) -> None:
    """One card a video, each read and scored in the background."""
    for number, item in enumerate(videos):
        with st.container(border=True, key=f"video_{number}"), plain_errors():
            _card(inspector, item, options)


def _card(inspector: Inspector, item: Source, options: Options) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.subheader(words.plain(item.name), anchor=False)
        every = st.selectbox(
            "Look at a frame every",
            EVERY,
            index=EVERY.index(USUAL),
            format_func=lambda seconds: f"{seconds:g} s",
            key=state.images.every_key(item.key),
            help="And at each cut in between. Dark and blurred frames are left out.",
            width=170,
        )
    task = task_progress(
        f"video_{item.key}",
        "Reading and scoring the video",
        lambda instead_of: resources.timeline(inspector, item, options.method, options.tpr, every, instead_of),
        parts="seconds",
        lasts=WHILE_HERE,
    )
    if task is not None:
        _timeline(inspector, item, replace(task.result(), name=item.name), options)


def _timeline(inspector: Inspector, item: Source, timeline: Timeline, options: Options) -> None:
    st.markdown(words.plain(words.stretches(timeline)))
    st.caption(words.plain(str(timeline.account)))
    if not timeline.frames:
        return
    times = [frame.time for frame in timeline.frames]
    asked = state.images.frame_time(item.key)
    st.plotly_chart(
        charts.timeline_plot(timeline, theme_of(st.context.theme.type), times.index(asked) if asked in times else None),
        key=state.images.timeline_key(item.key),
        on_select=partial(_choose, item, times),
        selection_mode="points",
        config=charts.toolbar("timeline", options.download),
        alt=f"p-value of {len(times)} frames over time; {timeline.unlike} are unlike",
    )
    st.caption(
        "Each point is a frame; low ones are unlike the reference images, and shaded stretches stay so. Click a point "
        "to see its frame below. p is that of each frame alone: a stretch is where to look, and no test of its own."
    )
    with st.container(horizontal=True):
        with st.popover("Data table", icon=":material/table:", type="tertiary"):
            names = inspector.bundle.card.class_names
            st.dataframe(charts.timeline_table(timeline, names), hide_index=True, alt="The frames of the timeline")
        make = partial(timeline_figure, timeline, inspector.bundle.card.title)
        figure_download(f"timeline {short_id(timeline.id)}", make, f"timeline_{item.key}")


def _choose(item: Source, times: list[float]) -> None:
    """A click on a point: its frame is shown, once the page has read it."""
    place = state.images.clicked_frame(item.key)
    if place is not None and place < len(times):
        state.images.choose_frame(item.key, times[place], resources.frame_key(item, times[place]))
