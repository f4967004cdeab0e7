"""A background task on the page: how far it is, a way to stop it, and a way to begin again what was stopped."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from dashboard import state, words
from dashboard.plain_errors import plain_errors
from dashboard.work.background_task import BackgroundTask

PATIENCE = 0.3  # seconds without words
POLL = 0.5  # seconds between looks
FOR_ALL = "It goes on when you leave or reload this page. The result is kept for everybody."
WHILE_HERE = "It goes on while you look at other pages."
Result = TypeVar("Result")


def task_progress(
    name: str,
    says: str,
    ask: Callable[[BackgroundTask[Any] | None], BackgroundTask[Result]],
    leave: Callable[[], None] | None = None,
    parts: str = "",
    note: str = "",
    lasts: str = FOR_ALL,
    around: tuple[str, str] = ("", ""),
) -> BackgroundTask[Result] | None:
    """The task once it is over and holds a result or an error; until then None, and the page shows how it stands.

    A task that was stopped, or failed unexpectedly, begins again for whoever comes later. Those who were waiting for it
    see that it ended, and a button to begin again.

    Args:
        name: of the place on the page: ``map``.
        says: what is being done, in words.
        ask: for the work; with one that was stopped or failed, for another in its place.
        leave: what the page shows instead after a stop; for a callback. None: that it was stopped.
        parts: of the task, which are counted: ``epochs``; nothing where ``says`` tells.
        note: a sentence on how long it takes.
        lasts: what leaving the page does to it: ``WHILE_HERE`` of an uploaded image, which a reload loses.
        around: what is done before the parts are counted, and after the last of them.
    """
    task: BackgroundTask[Result] | None = None
    with plain_errors():  # too many may wait on this server
        task = _asked(name, ask)
    if task is None:
        _offer_again(name)
        return None
    if not task.wait(PATIENCE):
        with st.container(key=f"task_{name}"):  # else what it drew stays when a fragment around it draws it no more
            _watch(task, says, parts, f"{note} {lasts}".strip(), around)
        # outside of the fragment that looks again and again: a callback in there cannot move a widget out here
        st.button("Stop", icon=":material/stop_circle:", key=f"stop_{name}", on_click=_stop, args=(name, task, leave))
        return None
    if not _is_lost(task):
        return task
    with plain_errors():
        if task.state == "stopped":
            st.info(words.FORGOTTEN if task.is_forgotten else words.STOPPED, icon=":material/stop_circle:")
        else:
            task.result()  # says what went wrong
    _offer_again(name)
    return None


def _asked(name: str, ask: Callable[[BackgroundTask[Any] | None], BackgroundTask[Result]]) -> BackgroundTask[Result]:
    task = ask(None)
    if _is_lost(task) and not state.site.is_watched(name, task.number):
        task = ask(task)
    state.site.watch(name, task.number)
    return task


def _offer_again(name: str) -> None:
    # the wish alone is noted: the run that follows asks, where an error is a sentence, which it is in no callback
    note = partial(state.site.watch, name, None)
    st.button("Begin again", icon=":material/restart_alt:", key=f"again_{name}", on_click=note)


def _is_lost(task: BackgroundTask[Any]) -> bool:
    return task.state == "stopped" or task.is_unforeseen


@st.fragment(run_every=POLL)
def _watch(task: BackgroundTask[Any], says: str, parts: str, note: str, around: tuple[str, str]) -> None:
    with plain_errors():
        if task.wait(0):
            st.rerun()
        share = min(1.0, task.done / task.total) if task.total else 0.0
        st.progress(share, text=words.plain(_far(says, parts, around, task)))
        st.caption(note)


def _far(says: str, parts: str, around: tuple[str, str], task: BackgroundTask[Any]) -> str:
    if task.state == "waiting":
        return words.queued(task.ahead, task.is_held_up)
    done, total = task.done, task.total  # which the task moves on at any time
    doing = around[0] if not total else around[1] if done >= total else ""
    if doing:
        return words.stage(f"{says}: {doing}", 0, 0, task.seconds)
    return words.stage(f"{says}, {parts}" if parts and total else says, done, total, task.seconds)


def _stop(name: str, task: BackgroundTask[Any], leave: Callable[[], None] | None) -> None:
    task.stop()
    if leave is not None:
        state.site.watch(name, None)  # who comes back begins it again
        leave()
