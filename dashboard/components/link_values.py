"""What a link asks of the widgets: a sentence where they do not offer it, since Streamlit drops it without a word."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from dashboard import state, words


@dataclass(frozen=True, slots=True)
class Offer:
    """What a widget takes from a link.

    Attributes:
        what: it sets, in words.
        has: whether it takes this text.
        says: what it holds, in words; nothing where it holds nothing.
        most: values that it takes at once; None = all.
    """

    what: str
    has: Callable[[str], bool]
    says: Callable[[object], str]
    most: int | None = None


@contextmanager
def link_values(offers: Mapping[str, Offer]) -> Iterator[None]:
    """Draw the widgets inside; below them stands what the link asked and they do not offer, until somebody moves them.

    Args:
        offers: by the widget's key, under which the URL holds its value.
    """
    for key, offer in offers.items():
        state.site.refuse(key, offer.has, offer.most)
    yield
    for key, offer in offers.items():
        asked = state.site.refused(key)
        if asked:
            shown = offer.says(state.site.value_of(key))
            st.warning(words.not_offered(offer.what, ", ".join(asked), shown), icon=":material/link_off:")


def choices(what: str, texts: Iterable[str] | Mapping[str, object], most: int | None = None) -> Offer:
    """Of a select box and its like: the texts, or the texts and what each stands for; one of them or several.

    Where there is but one to choose, there is no box, and that is what is shown.
    """
    values = texts if isinstance(texts, Mapping) else {text: text for text in texts}

    def says(value: object) -> str:
        several = value if isinstance(value, list | tuple) else [] if value is None else [value]
        if value is None and len(values) == 1:
            return next(iter(values))
        return words.listed(
            [next((text for text, offered in values.items() if offered == each), "") for each in several]
        )

    return Offer(what, lambda text: text in values, says, most)


def numbers(what: str, lowest: float, highest: float) -> Offer:
    """Of a slider or a number field: whole numbers, or all of them where an end is none."""
    is_whole = float(lowest).is_integer() and float(highest).is_integer() and isinstance(lowest, int)

    def has(text: str) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        return math.isfinite(value) and lowest <= value <= highest and (value.is_integer() or not is_whole)

    return Offer(what, has, lambda value: "" if value is None else f"{value:g}")


def switch(what: str) -> Offer:
    """Of a toggle."""
    return Offer(what, lambda text: text.lower() in ("true", "false"), lambda value: "on" if value else "off")
