"""The items as a table: sorted, filtered and paged by the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard import resources, state, words
from dashboard.pages.worklist.reader import reader
from nero_core.figures import data_uri
from nero_core.store import Filter, Item, ItemPage, Store, Worklist, find_items, place_of
from nero_core.types import Verdict

PAGE = 50  # items
HERE = " "  # heading of the column that marks the item that is read
SORTS = {
    "p_value": "p, the most unlike first",
    "position": "order of the files",
    "predicted": "prediction",
    "verdict": "verdict",
    "name": "name",
    "review": "review",
    "disagreement": "readers, disagreements first",
    "state": "status",
}
VERDICTS: tuple[Verdict, ...] = ("unlike", "borderline", "like")
DECISIONS = {"none": "not reviewed", "agree": "agreed", "override": "overridden", "second_look": "second look"}
READINGS = {"wanted": "needs a second reader", "once": "read once", "disagree": "readers disagree"}
RATES = (0.01, 0.05, 0.1, 0.2)
SETTINGS = (
    state.worklist.Setting(state.worklist.SORT, "p_value", SORTS, "the order"),
    state.worklist.Setting(state.worklist.DESCENDING, False, ("1",), "the direction"),
    state.worklist.Setting(state.worklist.TEXT, "", None, "the text to find"),
    state.worklist.Setting(state.worklist.VERDICTS, [], VERDICTS, "a verdict"),
    state.worklist.Setting(state.worklist.DECISIONS, [], DECISIONS, "a review"),
    state.worklist.Setting(state.worklist.READINGS, [], READINGS, "a reading"),
    state.worklist.Setting(state.worklist.ONE_EACH, False, ("1",), "one of each group"),
    state.worklist.Setting(state.worklist.RATE, 0.1, tuple(map(str, RATES)), "the rate"),
    state.worklist.Setting(state.worklist.ONLY_UNLIKE, False, ("1",), "only what is unlike"),
)


@dataclass(frozen=True, slots=True)
class View:
    """Which items are shown, and in which order."""

    sort: str
    descending: bool
    where: Filter
    unlike: frozenset[int]

    def page(self, store: Store, listed: Worklist, offset: int, limit: int = PAGE) -> ItemPage:
        """Some of them."""
        sort: Any = self.sort
        return find_items(store, listed.id, sort, self.descending, self.where, offset, limit)

    def place_of(self, store: Store, listed: Worklist, position: int) -> int | None:
        """The place of the item of a position, from 0; None where it is not shown."""
        sort: Any = self.sort
        return place_of(store, listed.id, position, sort, self.descending, self.where)


def item_table(store: Store, listed: Worklist) -> tuple[View, ItemPage]:
    """Settings, the page of the table on which the item that is read stands, and its pages.

    Returns:
        What is shown, and of that the item that is read; none where nothing is shown.
    """
    view = _view(listed)
    is_here = state.worklist.follow_item(lambda position: view.place_of(store, listed, position))
    if not is_here:
        st.caption("The image that the link names is not among these. The first is shown.")
    page, first = _page(store, listed, view)
    if not page.items:
        if listed.total:
            st.info("No image passes these filters.", icon=":material/filter_alt:")
        else:
            st.info("No image is here yet." if listed.sources else "There is no image.", icon=":material/image:")
        return view, page
    _table(listed, page.items, view, first)
    here = page.items[state.worklist.place() - first]
    state.worklist.name_item(here.position)
    if page.total > PAGE:
        _pages(first, page.total)
    return view, ItemPage((here,), page.total)


def _page(store: Store, listed: Worklist, view: View) -> tuple[ItemPage, int]:
    """The page with the item that is read, the last where there are fewer by now; and the place of its first item."""
    while True:
        first = state.worklist.place() // PAGE * PAGE
        page = view.page(store, listed, first)
        if state.worklist.place() < max(1, page.total):
            return page, first
        state.worklist.go_to_place(page.total - 1)


def _view(listed: Worklist) -> View:
    for what, asked in state.worklist.follow_view(SETTINGS):
        st.caption(f"The link asks for {words.plain(asked)} as {what}, which there is not. It is as usual.")

    def again() -> None:
        state.worklist.view_chosen({setting.key: setting.usual for setting in SETTINGS})

    with st.container(horizontal=True, vertical_alignment="bottom", key="order"):
        sort = st.selectbox(
            "Sort by", list(SORTS), format_func=SORTS.__getitem__, key=state.worklist.SORT, width=260, on_change=again
        )
        descending = st.toggle("Reverse", key=state.worklist.DESCENDING, on_change=again)
        text = st.text_input(
            "Find", key=state.worklist.TEXT, placeholder="name or digest", width=200, max_chars=100, on_change=again
        )
    with st.expander("Filters, and unlike over the whole list", icon=":material/filter_alt:"):
        verdicts = st.pills("Verdict", VERDICTS, selection_mode="multi", key=state.worklist.VERDICTS, on_change=again)
        is_own = listed.owner == reader()
        decisions = _choices("Review", DECISIONS, state.worklist.DECISIONS, again) if is_own else ()
        readings: Any = _choices("Readers", READINGS, state.worklist.READINGS, again)
        one_each = st.toggle("One of each group of near-duplicates", key=state.worklist.ONE_EACH, on_change=again)
        rate = st.select_slider(
            "Rate for the whole list (Benjamini–Hochberg)",
            RATES,
            format_func=words.percent,
            key=state.worklist.RATE,
            on_change=again,
        )
        found = resources.worklists.called(listed.id, listed.done, rate)
        st.markdown(words.worklists.unlike_at_rate(found))
        only = st.toggle("Only those", key=state.worklist.ONLY_UNLIKE, on_change=again)
    where = Filter(
        verdicts=tuple(name for name in VERDICTS if name in verdicts),
        decisions=tuple(decisions),
        readings=tuple(readings),
        text=text.strip(),
    )
    if only:
        where = replace(where, p_at_most=found.p_at_most)
    if one_each:
        where = replace(where, besides=tuple(resources.worklists.alike(listed.id, listed.done).first_of))
    return View(sort or "p_value", descending, where, frozenset(found.items))


def _choices(label: str, names: dict[str, str], key: str, on_change: Callable[[], None]) -> Sequence[str]:
    return st.pills(
        label, list(names), format_func=names.__getitem__, selection_mode="multi", key=key, on_change=on_change
    )


def _table(listed: Worklist, items: tuple[Item, ...], view: View, first: int) -> None:
    alike = resources.worklists.alike(listed.id, listed.done)
    who = reader()
    rows = [_row(item, who, item.id in view.unlike, alike.size(item.id)) for item in items]
    rows[state.worklist.place() - first][HERE] = "▸"
    columns = {
        HERE: st.column_config.TextColumn(width=26),
        "picture": st.column_config.ImageColumn("", width=62),
        "verdict": st.column_config.TextColumn(width=102),
        "p": st.column_config.NumberColumn(format="%.2g", width=58),
        "name": st.column_config.TextColumn(width=136),
        "status": st.column_config.TextColumn(width=130),
        "prediction": st.column_config.TextColumn(width=120),
        "no.": st.column_config.NumberColumn(width=50),
        "alike": st.column_config.NumberColumn(width=50, help="How many images are nearly the same, this one included"),
    }
    key = f"items_{listed.id}_{first}_{hash((view.sort, view.descending, view.where))}"
    chosen = st.dataframe(
        rows,
        hide_index=True,
        column_config=columns,
        row_height=56,
        placeholder="",
        height=min(10, len(rows)) * 56 + 40,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        alt=f"{len(rows)} images of the worklist with their verdicts",
    )
    picked = state.worklist.picked(key, list(chosen["selection"]["rows"]))
    if picked is not None and picked < len(items):
        state.worklist.go_to_place(first + picked)
    st.caption("◆ unlike, ▲ borderline, ● like; ◆◆ unlike over the whole list. Select a row to read its image.")


def _row(item: Item, who: str, is_unlike: bool, alike: int) -> dict[str, object]:
    result, small = item.result, resources.worklists.small(item.digest, item.frame)
    verdict = result.verdict if result is not None else None
    said = f"{words.SYMBOL[verdict] * (2 if is_unlike else 1)} {verdict}" if verdict else ""
    return {
        HERE: "",
        "picture": data_uri(small, "webp") if small else None,
        "verdict": said,
        "p": result.p_value if result is not None else None,
        "name": words.worklists.item_name(item),
        "status": words.worklists.status(item, who),
        "prediction": result.predicted if result is not None else "",
        "no.": item.position + 1,
        "alike": alike if alike > 1 else None,
    }


def _pages(first: int, total: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="pages"):
        st.button(
            "Page before",
            icon=":material/chevron_left:",
            key="page_before",
            on_click=state.worklist.go_to_place,
            args=(first - PAGE,),
            disabled=first == 0,
        )
        st.markdown(f"{first + 1} to {min(first + PAGE, total)} of {total}", width="content")
        st.button(
            "Page after",
            icon=":material/chevron_right:",
            key="page_after",
            on_click=state.worklist.go_to_place,
            args=(first + PAGE,),
            disabled=first + PAGE >= total,
        )
