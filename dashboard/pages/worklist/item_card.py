"""One item: its picture, the verdict in words, and what the reader says of it, by buttons or keys."""

from dataclasses import replace

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.marks import thumbnail
from dashboard.pages.worklist.item_table import View
from dashboard.pages.worklist.reader import reader
from nero_core.errors import NeroError
from nero_core.store import Item, ItemPage, Result, Review, Store, Worklist, add_review, reviews_of
from nero_core.types import Verdict

SCREEN = "pages/screen/page.py"
KEYS: dict[Verdict, str] = {"like": "L", "borderline": "B", "unlike": "U"}


def item_card(store: Store, listed: Worklist, view: View, page: ItemPage) -> None:
    """The item that is read."""
    if not page.items:
        return
    item = page.items[0]
    with st.container(border=True, key="item"):
        _ways(page.total)
        st.subheader(words.plain(words.worklists.item_name(item)), anchor=False)
        large = resources.worklists.large(item.digest, item.frame)
        if large is None:
            st.caption("No picture: the server does not keep this file, or it is none that can be read.")
        else:
            st.html(f'<p class="nero-picture">{thumbnail(large, "The image of this item")}</p>')
        if item.result is None:
            st.info("It waits to be scored.", icon=":material/hourglass_empty:")
            return
        _verdict(item, item.result, listed)
        refused = state.worklist.refused()
        if refused:
            st.error(words.plain(refused), icon=":material/error:")
        _review(store, listed, view, item)
        if large is not None and item.state == "scored":
            _open(item)


def _ways(total: int) -> None:
    place = state.worklist.place()
    with st.container(horizontal=True, vertical_alignment="center", key="ways"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="previous_item",
            on_click=state.worklist.go_to_place,
            args=(place - 1,),
            disabled=place == 0,
            shortcut="Left",
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            key="next_item",
            on_click=state.worklist.go_to_place,
            args=(place + 1,),
            disabled=place + 1 >= total,
            shortcut="Right",
        )
        st.markdown(f"{place + 1} of {total}", width="content")


def _verdict(item: Item, result: Result, listed: Worklist) -> None:
    if result.error or result.verdict is None:
        st.warning(words.plain(result.error), icon=":material/warning:")
        return
    st.markdown(f"**{words.SYMBOL[result.verdict]} {words.HEADLINE[result.verdict]}.** {words.ADVICE[result.verdict]}")
    st.markdown(
        f"p = {words.number(result.p_value or 0.0, 2)}. Predicted: {words.plain(result.predicted)}, "
        f"{words.percent(result.confidence or 0.0)}."
    )
    alike = resources.worklists.alike(listed.id, listed.done).size(item.id)
    if alike > 1:
        st.caption(f"{alike} images of this list are nearly the same.")


def _review(store: Store, listed: Worklist, view: View, item: Item) -> None:
    name = reader()
    said = words.worklists.readings(item, name)
    if said:
        st.markdown(said)
    if item.disagrees:
        st.warning(
            "The two readers disagree. The last answer stands, until one of them gives another.",
            icon=":material/balance:",
        )
    for line in words.worklists.comments(reviews_of(store, item.id), item, name):
        st.caption(line)
    st.selectbox(
        "Class that you see",
        resources.worklists.classes_of(listed.bundle),
        index=None,
        key=_class_key(item.id),
        placeholder="choose one, or write another; none is needed",
        accept_new_options=True,
    )
    st.text_input("Comment", key=_comment_key(item.id), max_chars=1000, placeholder="what you see")
    verdict = item.result.verdict if item.result is not None else None

    def button(label: str, key: str, review: Review, is_first: bool = False) -> None:
        st.button(
            label,
            key=f"review_{key}",
            type="primary" if is_first else "secondary",
            shortcut=key,
            on_click=_save,
            args=(store, listed, view, review),
        )

    reading = item.reading(name)
    with st.container(horizontal=True, key="reviews"):
        if verdict is not None:  # a file without a score says nothing that one could agree with
            button("Agree", "A", Review(item.id, name, "agree", reading), is_first=True)
            for other, key in KEYS.items():
                if other != verdict:
                    button(f"No: {other}", key, Review(item.id, name, "override", reading, other))
        button("Second look", "S", Review(item.id, name, "second_look", reading))
        button("Comment only", "N", Review(item.id, name, "comment", reading))
    st.caption("A saved review leads on to the next image; a comment alone does not.")


def _save(store: Store, listed: Worklist, view: View, review: Review) -> None:
    """Save a review with the class and the comment that are written now, and go on; where the item has left the filter,
    the next one stands in its place already. A comment alone leaves the class for the review that decides."""
    comment = str(state.site.value_of(_comment_key(review.item)) or "").strip()
    label = str(state.site.value_of(_class_key(review.item)) or "").strip() if review.decision != "comment" else ""
    try:
        if review.decision == "comment" and not comment:
            raise NeroError("Expected a comment. Found none. Write it above the buttons.")
        add_review(store, replace(review, label=label, comment=comment))
    except NeroError as error:
        state.worklist.refuse(str(error))
        return
    state.site.go_to(_comment_key(review.item), "")
    if review.decision == "comment":
        return
    state.site.go_to(_class_key(review.item), None)
    here = view.page(store, listed, state.worklist.place(), 2)
    if here.items and here.items[0].id == review.item and len(here.items) > 1:
        state.worklist.go_to_place(state.worklist.place() + 1)


def _comment_key(item: int) -> str:
    return f"comment_{item}"


def _class_key(item: int) -> str:
    return f"class_{item}"


def _open(item: Item) -> None:
    if st.button("Open on “Screen an image”", icon=":material/image_search:", key="open_item"):
        source = resources.worklists.source_of(item, words.worklists.item_name(item))
        if source is not None:
            state.images.add_file(source)
            st.switch_page(SCREEN, query_params=state.site.between_pages())
