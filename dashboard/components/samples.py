"""The strip of samples: real buttons with pictures on them, ID apart from OOD."""

from pathlib import Path

import streamlit as st

from dashboard import resources, state, words
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.errors import ImageError
from nero_core.figures import data_uri, fit_within

FIRST = "polyps"  # what everybody knows, and what the demo classifier calls unlike its reference images
SIDE = 120  # pixels: 60 on the page, at twice the density
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_SAMPLE = "sample "  # before the key of each


def sample_paths(inspector: Inspector) -> tuple[list[Path], list[Path]]:
    """The samples of the ID classes, then all others; of two with one name the first."""
    pictures = sorted(
        path for path in resources.samples().glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    paths = list({path.stem: path for path in reversed(pictures)}.values())[::-1]
    names = inspector.bundle.card.class_names
    inside = sorted((path for path in paths if path.stem in names), key=lambda path: names.index(path.stem))
    return inside, [path for path in paths if path.stem not in names]


def sample_strip(inspector: Inspector) -> None:
    """All samples as buttons, of the reference set's own where it keeps pictures of its images; a click shows one."""
    own = resources.own_samples(inspector)
    if any(own):
        _own_strip(*own)
        return
    inside, outside = sample_paths(inspector)
    if not inside + outside:
        return
    with st.container(key="samples", horizontal=True, gap="medium", vertical_alignment="top"):
        groups = (
            ("id", "Samples like the reference set (ID)", inside),
            ("ood", "Samples of other findings (OOD)", outside),
        )
        for kind, label, paths in groups:
            shown = [(path, thumbnail) for path in paths if (thumbnail := _thumbnail(str(path), _changed(path)))]
            if not shown:
                continue
            with st.container(width="content", gap="xsmall", key=f"samples_{kind}"):
                st.html(f'<span class="nero-group">{label}</span>')
                with st.container(horizontal=True, gap="xsmall"):
                    for path, thumbnail in shown:
                        _button(path.stem, path.stem, thumbnail)


def _own_strip(inside: dict[str, Source], outside: dict[str, Source]) -> None:
    with st.container(key="samples", horizontal=True, gap="medium", vertical_alignment="top"):
        groups = (
            ("id", "Images of this reference set (ID)", inside),
            ("ood", "Its OOD images", outside),
        )
        for kind, label, items in groups:
            shown = {name: (item, small) for name, item in items.items() if (small := _own_thumbnail(item.id, item))}
            if not shown:
                continue
            with st.container(width="content", gap="xsmall", key=f"samples_{kind}"):
                st.html(f'<span class="nero-group">{label}</span>')
                with st.container(horizontal=True, gap="xsmall"):
                    for name, (item, small) in shown.items():
                        _button(name, Path(item.name).stem, small)
    st.caption(
        "The reference set keeps these images small. The page scores the small pictures, which may look less like the "
        "reference images than the images themselves."
    )


def sample(inspector: Inspector) -> Source | None:
    """The sample that the URL names, if it is here."""
    name = state.images.sample()
    if name is None:
        return None
    inside_own, outside_own = resources.own_samples(inspector)
    if own := (inside_own | outside_own).get(name):
        return own
    inside, outside = sample_paths(inspector)
    for path in inside + outside:
        if path.stem == name:
            return _source(path)
    st.warning(
        f"The link names the sample {words.plain(name)}, which is not here. Choose another one.",
        icon=":material/link_off:",
    )
    return None


def first_sample(inspector: Inspector) -> Source | None:
    """The sample to begin with, for a page that always shows one."""
    path = first_path(inspector)
    return None if path is None else _source(path)


def first_path(inspector: Inspector) -> Path | None:
    """The sample to begin with: ``FIRST`` where it is OOD here, or else the first OOD one, or the first at all."""
    inside, outside = sample_paths(inspector)
    chosen = [path for path in outside if path.stem == FIRST]
    return next(iter(chosen + outside + inside), None)


def is_sample(item: Source) -> bool:
    """Whether an image is a sample, which everybody has, and no upload."""
    return item.key.startswith(_SAMPLE)


def _source(path: Path) -> Source:
    return resources.source(f"{_SAMPLE}{path.stem} {_changed(path)}", path.name, path.read_bytes())


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def _button(name: str, label: str, thumbnail: str) -> None:
    """A sample by its ``name`` in a link; ``label`` is what people read."""
    is_shown = state.images.sample() == name
    st.button(
        f"![{words.plain(label)}]({thumbnail})",
        key=f"sample_{name}",
        help=words.plain(label),
        type="primary" if is_shown else "secondary",
        on_click=state.images.choose_sample,
        args=(name,),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _own_thumbnail(image_id: str, _item: Source) -> str:
    """The same of a picture that the reference set keeps."""
    try:
        return data_uri(fit_within(resources.picture(_item), SIDE), "webp")
    except ImageError:
        return ""


@st.cache_data(max_entries=64, show_spinner=False)
def _thumbnail(path: str, changed: int) -> str:
    """The picture on the button; nothing where the file is none."""
    try:
        return data_uri(fit_within(resources.picture(_source(Path(path))), SIDE), "webp")
    except (ImageError, OSError):
        return ""
