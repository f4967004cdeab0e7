"""Long work on the page: how far it is, a way to stop it, and a way to begin again what was stopped."""

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from dashboard import state, words
from dashboard.long_work import LongWork
from dashboard.plain_errors import plain_errors

PATIENCE = 0.3  # seconds without words
POLL = 0.5  # seconds between looks
Result = TypeVar("Result")


def work_progress(
    name: str,
    says: str,
    ask: Callable[[LongWork[Any] | None], LongWork[Result]],
    leave: Callable[[], None] | None = None,
    parts: str = "",
    note: str = "",
) -> LongWork[Result] | None:
    """The work once it is over and holds a result or an error; until then None, and the page shows how it stands.

    A work that was stopped, or failed in a way that nobody foresaw, is begun again without a word for whoever comes
    later. Who was waiting for it is told, and asked.

    Args:
        name: of the place on the page: ``map``.
        says: what is being done, in words.
        ask: for the work; with one that was stopped or failed, for another in its place.
        leave: what the page shows instead after a stop; for a callback. None: that it was stopped.
        parts: of the work, which are counted: ``epochs``; nothing where ``says`` tells.
        note: a sentence on how long it takes.
    """
    work = ask(None)
    if _is_lost(work) and not state.site.is_watched(name, work.number):
        work = ask(work)
    state.site.watch(name, work.number)
    if not work.wait(PATIENCE):
        with st.container(key=f"work_{name}"):  # else what it drew stays when a fragment around it draws it no more
            _watch(work, says, parts, note)
        # outside of the fragment that looks again and again: a callback in there cannot move a widget out here
        st.button("Stop", icon=":material/stop_circle:", key=f"stop_{name}", on_click=_stop, args=(name, work, leave))
        return None
    if not _is_lost(work):
        return work
    with plain_errors():
        if work.state == "stopped":
            st.info(words.STOPPED, icon=":material/stop_circle:")
        else:
            work.result()  # says what went wrong
    st.button("Begin again", icon=":material/restart_alt:", key=f"again_{name}", on_click=ask, args=(work,))
    return None


def _is_lost(work: LongWork[Any]) -> bool:
    return work.state == "stopped" or work.is_unforeseen


@st.fragment(run_every=POLL)
def _watch(work: LongWork[Any], says: str, parts: str, note: str) -> None:
    with plain_errors():
        if work.wait(0):
            st.rerun()
        share = min(1.0, work.done / work.total) if work.total else 0.0
        counted = f"{says}, {parts}" if parts and work.total else says
        st.progress(share, text=words.plain(_far(counted, work)))
        st.caption(f"{note} It goes on when you leave or reload this page, and is then kept for everybody.".strip())


def _far(says: str, work: LongWork[Any]) -> str:
    if work.state == "waiting":
        return words.turn(work.ahead)
    return words.stage(says, work.done, work.total, work.seconds)


def _stop(name: str, work: LongWork[Any], leave: Callable[[], None] | None) -> None:
    work.stop()
    if leave is not None:
        state.site.watch(name, None)  # who comes back begins it again
        leave()
