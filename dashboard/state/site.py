"""What all pages share: the reference set, the method, the tpr, the side bar, and what a link takes along."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitAPIException

# in the URL
BUNDLE = "bundle"
METHOD = "method"
TPR = "accept"
LIKE = "like"
WITHIN_CLASS = "within_class"
LARGE_TYPE = "large_type"
SAMPLE = "sample"
CHANNEL = "channel"
JOBS = {"benchmark": "run", "calibrate": "making", "recalibrate": "anew"}  # kind of job → where the URL holds its id

# in the session alone
DOWNLOAD = "download"
_ANNOUNCED = "announced"
_SIDE = "side"
_WATCHED = "watched"
_JUDGED = "judged"
_REFUSED = "refused"
_NOT_YET = "not drawn yet"

#: What links from before may ask, by the widget's key, and what that is called now.
FORMER = {key: {"share": "contribution"} for key in ("order", "sort")}


def between_pages() -> dict[str, str]:
    """What a link to another page takes along: the sample, the jobs, the reference set, the method and both rates.

    The method that is chosen goes before the one that the address held when the page was opened.
    """
    lasting = (SAMPLE, *JOBS.values(), BUNDLE, METHOD, TPR, LIKE, WITHIN_CLASS)
    value_of = {name: st.query_params[name] for name in lasting if name in st.query_params}
    if st.session_state.get(METHOD) is not None:
        value_of[METHOD] = st.session_state[METHOD]
    if st.session_state.get(WITHIN_CLASS) is not None:
        value_of[WITHIN_CLASS] = "true" if st.session_state[WITHIN_CLASS] else ""
    return {name: value for name, value in value_of.items() if value}


def percents(share: float) -> str:
    """A tpr as it stands in the URL, in percent: ``95`` or ``97.5``."""
    return f"{round(100 * share, 6):g}"


def bundle() -> str | None:
    """The reference set that is chosen."""
    return st.session_state.get(BUNDLE)


def choose_bundle(name: str) -> None:
    """Show another reference set from now on; for a callback, before the select box is drawn."""
    st.session_state[BUNDLE] = name
    bundle_chosen()


def follow_bundle(names: list[str]) -> None:
    """Choose the reference set that the URL names, or else the first.

    The URL holds it and the select box follows, on every page and on the way back: a box that Streamlit binds to the
    URL forgets on the next page what was chosen on this one.
    """
    asked = st.query_params.get(BUNDLE)
    if asked in names:
        st.session_state[BUNDLE] = asked
    else:
        st.query_params.pop(BUNDLE, None)
        st.session_state[BUNDLE] = names[0]


def bundle_chosen() -> None:
    """The select box chose a reference set: the URL names it, and the rates of the one before stay behind."""
    st.query_params[BUNDLE] = st.session_state[BUNDLE]
    for key in (TPR, LIKE):
        st.query_params.pop(key, None)


def follow_rate(key: str, offered: Mapping[str, float], usual: float) -> None:
    """Choose the rate that the URL names, or else the usual one; before the slider is drawn.

    Several pages have the slider. The URL holds what it says and the slider follows, as with the reference set:
    Streamlit drops from the URL what a slider of another page is bound to, on the way back too.

    Args:
        key: ``TPR``, or ``LIKE``.
        offered: each rate as it stands in the URL.
        usual: the one that the URL does not name.
    """
    asked = st.query_params.get(key)
    if asked is not None and asked not in offered:
        st.query_params.pop(key)
    st.session_state[key] = usual if asked is None else offered.get(asked, usual)


def rate_chosen(key: str, usual: float) -> None:
    """The slider chose a rate: the URL names it, unless it is the usual one."""
    if st.session_state[key] == usual:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = percents(st.session_state[key])


def link(settings: dict[str, str]) -> str:
    """The address of this page with these settings, the reference set and the sample; no uploaded image."""
    named = {BUNDLE: bundle() or "", SAMPLE: st.query_params.get(SAMPLE, "")} | settings
    return f"{_address()}?{urlencode({name: value for name, value in named.items() if value})}"


def refuse(key: str, has: Callable[[str], bool], most: int | None = None) -> None:
    """Note what the URL asks of a widget that does not offer it; before the widget is drawn, which drops it.

    Each text is judged once for each reference set: what Streamlit says of the URL may be older than what somebody
    chose since. Of several that it offers it takes the first, so many as ``most`` says.
    """
    judged: set[tuple[str, str, str | None]] = st.session_state.setdefault(_JUDGED, set())
    asked = [text for text in _renewed(key) if text and (key, text, bundle()) not in judged]
    judged |= {(key, text, bundle()) for text in asked}
    taken = [text for text in asked if has(text)][:most]
    not_taken = tuple(text for text in asked if text not in taken)
    if not_taken:
        st.session_state.setdefault(_REFUSED, {})[key] = (not_taken, _address(), _NOT_YET)


def _renewed(key: str) -> list[str]:
    """What the URL asks of a widget; what a link from before calls by a former name has its name of now."""
    asked = st.query_params.get_all(key)
    now = [FORMER.get(key, {}).get(text, text) for text in asked]
    if now != asked:
        try:
            st.query_params[key] = now[0]
        except StreamlitAPIException:  # bound to a widget that this session has drawn before
            st.session_state[key] = now[0]
    return now


def refused(key: str) -> tuple[str, ...]:
    """What the URL asked and a widget does not offer, until somebody moves it or leaves the page; after it is drawn."""
    notes: dict[str, tuple[tuple[str, ...], str, object]] = st.session_state.get(_REFUSED, {})
    asked, address, held_then = notes.get(key, ((), "", None))
    if not asked:
        return ()
    if address != _address() or held_then not in (_NOT_YET, value_of(key)):
        del notes[key]
        return ()
    notes[key] = (asked, address, value_of(key))
    return asked


def value_of(key: str) -> object:
    """What a widget holds."""
    return st.session_state.get(key)


def _address() -> str:
    return str(st.context.url or "").partition("?")[0]


def set_widgets(values: Mapping[str, object]) -> None:
    """Move several widgets; for a callback."""
    for key, value in values.items():
        st.session_state[key] = value


def go_to(key: str, value: object) -> None:
    """Move a widget; for a callback."""
    st.session_state[key] = value


def announce(sentence: str) -> None:
    """Something to say once, in the run that follows."""
    st.session_state[_ANNOUNCED] = sentence


def announced() -> str:
    """What is to be said once."""
    return str(st.session_state.pop(_ANNOUNCED, ""))


def watch(name: str, number: int | None) -> None:
    """This session waits for the background task of this number at that place, or with None for none."""
    st.session_state[f"{_WATCHED} {name}"] = number


def is_watched(name: str, number: int) -> bool:
    """Whether this session has waited for that very task."""
    return bool(st.session_state.get(f"{_WATCHED} {name}") == number)


def keep_side(place: DeltaGenerator) -> None:
    """The part of the side bar that pages fill; made again in each run."""
    st.session_state[_SIDE] = place


def side() -> DeltaGenerator:
    """The part of the side bar that pages fill."""
    place: DeltaGenerator = st.session_state[_SIDE]
    return place
