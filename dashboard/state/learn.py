"""The page "Learn": the lesson, "perturb and watch" and the quiz."""

import hashlib
import re
import time

import streamlit as st

from dashboard.state.site import set_widgets

# in the URL
PART = "part"
FULL_SCREEN = "full_screen"
TALLY = "tally"
STEP = "step"
LESSON_CHANNEL = "lesson_channel"
LESSON_CLASS = "lesson_class"
LESSON_EPSILON = "lesson_epsilon"
LESSON_CENTROID = "lesson_centroid"
LESSON_COMPONENTS = "lesson_components"
LESSON_K = "lesson_k"
LESSON_TPR = "lesson_accept"
LESSON_STAGE = "lesson_stage"
QUIZ = "quiz"
# the sliders of "perturb and watch": one of each name in nero_core's PERTURBATIONS (``strength``), and these
OCCLUDED = ("occluded_left", "occluded_top", "occluded_width", "occluded_height")
LESION = "lesion"
LESION_PLACE = ("lesion_x", "lesion_y", "lesion_size", "lesion_seed")
FILL = "fill"

# in the session alone
PERTURBED_MAP = "perturbed_map"
_PERTURBED = "perturbed"
_BEFORE = "perturbed_before"
_ANSWERS = "quiz_answers"
_REVEALED = "quiz_revealed"
_REVEALED_AT = "quiz_revealed_at"
_DRAGGED = "dragged_rectangle"
MOST_ANSWERS = 200  # of one game in the URL
DOUBLE_CLICK = 0.4  # seconds: the second click of a double one comes sooner


def go(part: str, step: str | None = None) -> None:
    """Open a part of the page, and in the lesson a step; for a callback."""
    st.session_state[PART] = part
    if step is not None:
        st.session_state[STEP] = step


def leave_full_screen() -> None:
    """Show the side bar again; for a callback."""
    st.session_state[FULL_SCREEN] = False


def strength(name: str) -> str:
    """The key of a perturbation's slider."""
    return f"perturb_{name}"


def drag_plot() -> str:
    """The key of the picture to drag on: a new one after each reset, since a plot keeps its rectangle."""
    return f"{_DRAGGED} {st.session_state.get(_DRAGGED, 0)}"


def occlude_dragged() -> None:
    """The rectangle that was dragged on the picture, in whole percents of its sides, goes to the sliders."""
    boxes = st.session_state[drag_plot()].selection.box
    if boxes:
        (left, right), (top, bottom) = (
            sorted(min(max(float(end), 0.0), 1.0) for end in boxes[-1][axis][:2]) for axis in ("x", "y")
        )
        for key, share in zip(OCCLUDED, (left, top, right - left, bottom - top), strict=True):
            st.session_state[key] = round(100 * share)


def set_all(values: dict[str, object]) -> None:
    """Move several widgets, and forget what was dragged on the picture; for a callback."""
    set_widgets(values)
    st.session_state[_DRAGGED] = st.session_state.get(_DRAGGED, 0) + 1


def remember(values: dict[str, object], most: int = 50) -> None:
    """Keep what the widgets held before they were moved, for ``undo``."""
    now = st.session_state.get(_PERTURBED)
    if now is not None and now != values:
        st.session_state[_BEFORE] = [*st.session_state.get(_BEFORE, []), now][-most:]
    st.session_state[_PERTURBED] = values


def can_undo() -> bool:
    """Whether there is a step to take back."""
    return bool(st.session_state.get(_BEFORE))


def undo() -> None:
    """Take the last step back; for a callback."""
    before = st.session_state.get(_BEFORE, [])
    if before:
        st.session_state[_BEFORE] = before[:-1]
        st.session_state[_PERTURBED] = before[-1]
        set_all(before[-1])


Game = tuple[str, float, int]  # digest of the reference set, tpr, number of the sequence


def answers(game: Game) -> list[dict[str, bool]]:
    """What was answered in the quiz so far: who (``you``, a method) was right, one entry a picture."""
    by_game: dict[Game, list[dict[str, bool]]] = st.session_state.setdefault(_ANSWERS, {})
    return by_game.setdefault(game, [])


def tally_of_link(game: Game) -> str:
    """What the URL says of this game's answers, ``1`` right and ``0`` wrong; nothing where it is of another game."""
    name, _, said = st.query_params.get(TALLY, "").partition(".")
    return said if name == _short(game) and re.fullmatch(rf"[01]{{1,{MOST_ANSWERS}}}", said) else ""


def show_tally(game: Game, said: str) -> None:
    """Write the answers into the URL, so that they survive a reload."""
    text = f"{_short(game)}.{said[:MOST_ANSWERS]}" if said else None
    if text is None:
        st.query_params.pop(TALLY, None)
    elif st.query_params.get(TALLY) != text:
        st.query_params[TALLY] = text


def restore(game: Game, given: list[dict[str, bool]]) -> None:
    """The answers of before a reload."""
    answers(game)[:] = given


def _short(game: Game) -> str:
    """A name of the game: its answers mean nothing under another threshold or reference set."""
    return hashlib.sha256(repr(game).encode()).hexdigest()[:8]


def answer(game: Game, number: int, right: dict[str, bool]) -> None:
    """The answer to one picture, which is revealed now; for a callback.

    A second click on the same picture, sent before the page came back, counts for nothing.
    """
    if number == len(answers(game)):
        answers(game).append(right)
        st.session_state[_REVEALED] = game
        st.session_state[_REVEALED_AT] = time.monotonic()


def is_revealed(game: Game) -> bool:
    """Whether the last picture that was answered is still shown, with its answer."""
    return bool(st.session_state.get(_REVEALED) == game and answers(game))


def next_picture() -> None:
    """Go on to the next picture; for a callback.

    The button that answers turns into the one that goes on, so the second click of a double one counts for nothing:
    it would take the answer away before anybody has read it.
    """
    if time.monotonic() - st.session_state.get(_REVEALED_AT, 0.0) >= DOUBLE_CLICK:
        st.session_state[_REVEALED] = None


def restart_quiz(game: Game) -> None:
    """Forget the answers; for a callback."""
    st.session_state.get(_ANSWERS, {}).pop(game, None)
    st.query_params.pop(TALLY, None)
    st.session_state[_REVEALED] = None
