"""The worklist that is shown, how it is sorted and filtered, and the item that is read."""

import streamlit as st

from nero_core.case_report import ListSettings

# in the URL
LIST = "worklist"

# in the session alone
NAME = "worklist_name"
SORT = "worklist_sort"
DESCENDING = "worklist_descending"
VERDICTS = "worklist_verdicts"
DECISIONS = "worklist_decisions"
READINGS = "worklist_readings"
TEXT = "worklist_text"
RATE = "worklist_rate"
ONLY_UNLIKE = "worklist_only_unlike"
ONE_EACH = "worklist_one_each"
FOLDER = "worklist_folder"
FORMAT = "worklist_format"
_PLACE = "worklist_place"
_UPLOADS = "worklist_uploads"
_PICKED = "worklist_picked"
_REFUSED = "worklist_refused"
_REPORT = "worklist_report"


def shown() -> int | None:
    """The number of the worklist that the URL names."""
    asked = st.query_params.get(LIST, "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None


def show(number: int | None) -> None:
    """Show a worklist, or with None the list of them."""
    if number is None:
        st.query_params.pop(LIST, None)
    else:
        st.query_params[LIST] = str(number)
    first_place()


def place() -> int:
    """The place of the item that is read, in the order and among the items that are shown; from 0."""
    return int(st.session_state.get(_PLACE, 0))


def go_to_place(number: int) -> None:
    """Read the item at another place."""
    st.session_state[_PLACE] = max(0, number)


def first_place() -> None:
    """Another order or other items: begin with the first."""
    st.session_state[_PLACE] = 0


def propose_name(name: str) -> None:
    """The name of a new worklist where nobody has written one yet."""
    st.session_state.setdefault(NAME, name)


def uploads_key() -> str:
    """The uploader's key; a new one empties it, so that the session holds no files that lie on the disk."""
    return f"worklist_files_{st.session_state.get(_UPLOADS, 0)}"


def empty_uploads() -> None:
    """Forget the uploaded files."""
    st.session_state[_UPLOADS] = st.session_state.get(_UPLOADS, 0) + 1


def picked(table: str, rows: list[int]) -> int | None:
    """The row that was selected in a table since the last look; None where none was."""
    before, st.session_state[_PICKED] = st.session_state.get(_PICKED), (table, rows)
    return rows[0] if rows and before != (table, rows) else None


def rate() -> float:
    """The rate for the whole list."""
    return float(st.session_state.get(RATE, 0.1))


def refuse(sentence: str) -> None:
    """Something that could not be done; to be said in the run that follows."""
    st.session_state[_REFUSED] = sentence


def refused() -> str:
    """The same, once."""
    return str(st.session_state.pop(_REFUSED, ""))


def prepare_report(number: int, settings: ListSettings, mark: int) -> None:
    """Somebody asked for the report of a worklist, in the state that the mark tells."""
    st.session_state[_REPORT] = (number, settings, mark)


def prepared_report(number: int) -> tuple[ListSettings, int] | None:
    """What was asked for last; None where that was another worklist's report, or none."""
    asked = st.session_state.get(_REPORT)
    return (asked[1], asked[2]) if asked is not None and asked[0] == number else None


def leave_report() -> None:
    """Nobody waits for it any more; for a callback."""
    st.session_state.pop(_REPORT, None)
