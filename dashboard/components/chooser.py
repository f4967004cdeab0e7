"""Which of the images is shown: ``3 of 30``, back and on, and a list of names."""

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.image_cards import only_of
from dashboard.resources import Source
from nero_core.figures import short_id


def choose(files: list[Source], sample: Source | None) -> Source | None:
    """The image to show: the sample that the URL names, else the uploaded file that was chosen last."""
    if not files:
        if sample is not None:
            only_of(sample)
        return sample
    keys = [item.key for item in files]
    if sample is None and state.images.file() not in keys:
        last = state.images.shown()
        state.images.choose_file(last if last in keys else keys[0])
    shown = state.images.file()
    if shown in keys:
        state.images.keep_shown(str(shown))
    place = keys.index(shown) if shown in keys else None
    item = sample if sample is not None else files[place or 0]
    only_of(item)  # before its name, which stands in the list of names too
    if len(files) > 1 or sample is not None:
        _controls(keys, [file.name for file in files], place)
    return item


def _controls(keys: list[str], names: list[str], place: int | None) -> None:
    with st.container(key="chooser", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Uploaded image",
            keys,
            index=None,
            format_func=dict(zip(keys, names, strict=True)).__getitem__,
            key=state.images.FILE,
            placeholder="Back to an uploaded image",
            on_change=state.images.leave_sample,
            width=360,
        )
        back = keys[(place - 1) % len(keys)] if place is not None else keys[-1]
        on = keys[(place + 1) % len(keys)] if place is not None else keys[0]
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="previous_image",
            on_click=state.images.choose_file,
            args=(back,),
        )
        st.button(
            "Next", icon=":material/chevron_right:", key="next_image", on_click=state.images.choose_file, args=(on,)
        )
        st.markdown(f"{len(keys)} uploaded" if place is None else f"{place + 1} of {len(keys)}")


def title(item: Source, note: str = "") -> None:
    """The name of what is shown."""
    with st.container(key="title"):
        st.subheader(words.plain(item.name), anchor=False)
        st.caption(" · ".join(filter(None, (f"image {short_id(item.id)}", words.plain(note)))))  # as in its figures
        told = resources.tags(item)
        if told:  # where the operator has turned it on
            st.caption(words.plain(" · ".join(f"{name} {value}" for name, value in told.items())))
