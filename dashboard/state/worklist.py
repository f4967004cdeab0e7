"""The worklist that is shown, how it is sorted and filtered, and the item that is read.

The URL holds them and the widgets follow, so that a reload, a link and the way back show the same: what is as usual is
not in it. The item is named by its number in the worklist, since its place changes while others are scored.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from nero_core.case_report import ListSettings

# in the URL
LIST = "worklist"
ITEM = "item"

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
REPORT = "worklist_report_is_open"
STUDY_DATE = "worklist_study_date"
STUDY_MODALITY = "worklist_study_modality"
STUDY_PATIENT = "worklist_study_patient"
STUDY_ACCESSION = "worklist_study_accession"
STUDY = "worklist_study"
_STUDIES = "worklist_studies"
_PLACE = "worklist_place"
_AT = "worklist_item_at_place"
_MOVED = "worklist_moved"
_UPLOADS = "worklist_uploads"
_PICKED = "worklist_picked"
_REFUSED = "worklist_refused"
_REPORT = "worklist_report"

_IN_URL_OF = {
    SORT: "sorted",
    DESCENDING: "reversed",
    TEXT: "find",
    VERDICTS: "verdict",
    DECISIONS: "review",
    READINGS: "readers",
    ONE_EACH: "one_each",
    RATE: "rate",
    ONLY_UNLIKE: "only_unlike",
}
_IN_URL = tuple(_IN_URL_OF.values())


def shown() -> int | None:
    """The number of the worklist that the URL names."""
    return _number(st.query_params.get(LIST, ""))


def show(number: int | None) -> None:
    """Show a worklist, or with None the list of them."""
    for name in (ITEM, *_IN_URL):
        st.query_params.pop(name, None)
    if number is None:
        st.query_params.pop(LIST, None)
    else:
        st.query_params[LIST] = str(number)
    st.session_state.pop(_AT, None)


def place() -> int:
    """The place of the item that is read, in the order and among the items that are shown; from 0."""
    return int(st.session_state.get(_PLACE, 0))


def go_to_place(number: int) -> None:
    """Read the item at another place."""
    st.session_state[_PLACE], st.session_state[_MOVED] = max(0, number), True


def follow_item(place_of: Callable[[int], int | None]) -> bool:
    """Read the item that the URL names, or the first, unless somebody went to another place with this run.

    An item that was read here and has left the filter leaves its place to the next one.

    Args:
        place_of: the place of an item by its number in the worklist, from 0; None where it is not shown.

    Returns:
        Whether the item that the URL names is among those that are shown, or was until now.
    """
    if st.session_state.pop(_MOVED, False):
        return True
    asked = _number(st.query_params.get(ITEM, ""))
    found = 0 if asked is None else place_of(asked - 1)
    if found is None and st.session_state.get(_AT) == (shown(), asked):
        return True
    st.session_state[_PLACE] = found or 0
    return found is not None


def name_item(position: int) -> None:
    """The item at the place that is read, by its number in the worklist, from 0; the first needs no name."""
    asked = str(position + 1)
    st.session_state[_AT] = (shown(), position + 1)
    st.session_state.pop(_MOVED, None)
    if place() == 0:
        st.query_params.pop(ITEM, None)
    elif st.query_params.get(ITEM) != asked:
        st.query_params[ITEM] = asked


@dataclass(frozen=True, slots=True)
class Setting:
    """A widget that the URL speaks for.

    Attributes:
        key: of the widget.
        usual: what it holds where the URL says nothing.
        offered: texts that the URL may hold; any where None.
        what: it sets, in words.
    """

    key: str
    usual: Any
    offered: Collection[str] | None
    what: str


def follow_view(settings: Collection[Setting]) -> list[tuple[str, str]]:
    """Set the widgets to what the URL says, before they are drawn.

    Returns:
        What the URL asks and no widget offers, with what it would set; it is taken out of the URL.
    """
    refused = []
    for setting in settings:
        name, value = _IN_URL_OF[setting.key], setting.usual
        text = st.query_params.get(name)
        if text is not None:
            asked = text.split(",") if isinstance(setting.usual, list) else [text]
            wrong = [each for each in asked if setting.offered is not None and each not in setting.offered]
            if wrong:
                refused.append((setting.what, ", ".join(wrong)))
                st.query_params.pop(name)
            else:
                value = _value(setting.usual, asked)
        st.session_state[setting.key] = value
    return refused


def view_chosen(usual: Mapping[str, Any]) -> None:
    """A widget was moved: the URL says so, unless it is as usual; the first item is read.

    Args:
        usual: what each widget holds where the URL says nothing.
    """
    for key, value in usual.items():
        now = st.session_state.get(key, value)
        if now == value or now is None:
            st.query_params.pop(_IN_URL_OF[key], None)
        else:
            st.query_params[_IN_URL_OF[key]] = ",".join(map(str, now)) if isinstance(now, list) else _text(now)
    st.query_params.pop(ITEM, None)
    st.session_state.pop(_AT, None)


def _text(value: object) -> str:
    return "1" if value is True else str(value)


def _value(usual: object, asked: list[str]) -> object:
    if isinstance(usual, list):
        return asked
    return True if isinstance(usual, bool) else float(asked[0]) if isinstance(usual, float) else asked[0][:100]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


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


def keep_studies(found: Mapping[str, str] | None) -> None:
    """What the PACS answered: study → what is shown of it. Of patients only what the operator has shown."""
    st.session_state[_STUDIES] = found


def studies() -> Mapping[str, str] | None:
    """The same; None where nobody has asked."""
    found: Mapping[str, str] | None = st.session_state.get(_STUDIES)
    return found


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
