"""The page "Neuron explorer"."""

from collections.abc import Collection

import streamlit as st

from dashboard.state.site import BUNDLE, CHANNEL, between_pages, bundle

# in the URL
LOOK = "look"
GRID_SORT = "grid_sort"
GRID_CLASS = "grid_class"
GRID_PAGE = "grid_page"
MAP_KIND = "map"
MAP_OOD = "map_ood"
OTHER_CHANNEL = "other"
_SECOND = "second"
_HANDED_OVER = "open"

# in the session alone
GRID = "channel_grid"
IMAGE_MAP = "image_map"
MAP_OWN = "map_own_images"
SECOND_IMAGE = "second_image"
_CHANNEL_FIELD = "channel_field"
_MORE = "more_chosen"


def asked_channel(name: str = CHANNEL) -> str | None:
    """The channel that the URL names, as it is written there.

    On this page the URL holds the channel and the field follows it, so that the way back opens what was open. A link
    from "Screen an image", whose own field is bound to the same name, hands it over under another one.
    """
    if name == CHANNEL and _HANDED_OVER in st.query_params:
        st.query_params[CHANNEL] = st.query_params[_HANDED_OVER]
        del st.query_params[_HANDED_OVER]
    return st.query_params.get(name)


def follow_channel(channel: int | None, name: str = CHANNEL) -> str:
    """The key of the field for a channel, which now holds this number."""
    key = f"{_CHANNEL_FIELD} {name}"
    st.session_state[key] = channel
    return key


def choose_channel(name: str = CHANNEL) -> None:
    """Somebody wrote a number into the field."""
    chosen = st.session_state.get(f"{_CHANNEL_FIELD} {name}")
    _name_channel(name, None if chosen is None else int(chosen))


def _name_channel(name: str, channel: int | None) -> None:
    if channel is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = str(channel)


def to_channel(channel: int) -> dict[str, str]:
    """What a link to the page of one channel holds: the reference set, the channel, and the sample if there is one."""
    return {**between_pages(), BUNDLE: str(bundle()), _HANDED_OVER: str(channel)}


def show_channel(channel: int | None) -> None:
    """Open a channel, or with None the grid of all; for a callback."""
    _name_channel(CHANNEL, channel)
    _name_channel(OTHER_CHANNEL, None)


def open_tile() -> None:
    """A click on a tile of the grid opens its channel."""
    opened = st.session_state[GRID].get("opened")
    if isinstance(opened, int | float):
        show_channel(int(opened))


def turn_page(page: int) -> None:
    """Show another page of the grid; for a callback."""
    st.session_state[GRID_PAGE] = page


def first_page() -> None:
    """What is shown has changed: begin at its first page."""
    st.session_state[GRID_PAGE] = 1


def chosen_on_map(key: str) -> list[int]:
    """The points that are chosen on a map, which draws them again when the image at hand changes."""
    value = st.session_state.get(key)
    return [int(row) for row in (value.get("chosen") if value is not None else None) or []]


def second() -> str | None:
    """The second image that the URL names: a sample or a reference image."""
    return st.query_params.get(_SECOND)


def follow_second(asked: str | None, choices: Collection[str]) -> None:
    """The select box holds what the URL names, on the way back too; or an uploaded image, which no URL names."""
    value = st.session_state.get(SECOND_IMAGE)
    if asked is not None or value is None or value not in choices or not _is_upload(value):
        st.session_state[SECOND_IMAGE] = asked


def choose_second() -> None:
    """The select box chose a second image; an uploaded one is not written into the URL."""
    chosen = st.session_state.get(SECOND_IMAGE)
    if chosen is None or _is_upload(chosen):
        st.query_params.pop(_SECOND, None)
    else:
        st.query_params[_SECOND] = chosen


def _is_upload(chosen: str) -> bool:
    return chosen.startswith("upload ")


def more_chosen(choice: str) -> int:
    """How many further rows of chosen images somebody asked for; ``choice`` names what was chosen."""
    value: tuple[str, int] = st.session_state.get(_MORE, ("", 0))
    return value[1] if value[0] == choice else 0


def show_more_chosen(choice: str) -> None:
    """Show further chosen images; for a callback."""
    st.session_state[_MORE] = (choice, more_chosen(choice) + 1)
