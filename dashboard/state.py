"""The only file that names a session key or a query parameter.

A widget whose key stands in the first group is bound to the URL by Streamlit, under that name, so that a colleague
opens the same view. Uploaded images never are: they live in the session alone.
"""

from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.resources import Source

# in the URL
BUNDLE = "bundle"
METHOD = "method"
ACCEPT = "accept"
ORDER = "order"
CONCEPTS = "concepts"
VIEW = "view"
OPACITY = "opacity"
SORT = "sort"
SPAN = "span"
CLASSES = "classes"
CHANNEL = "channel"
BY_CLASS = "by_class"
LARGE_TYPE = "large_type"
METHODS = "methods"
# in the URL, page "Neuron explorer"
LOOK = "look"
GRID_SORT = "grid_sort"
GRID_CLASS = "grid_class"
GRID_PAGE = "grid_page"
MAP_KIND = "map"
OTHER_CHANNEL = "other"
REFERENCES_BY = "references_by"
_SECOND = "second"
_HANDED_OVER = "open"
_SAMPLE = "sample"
_JOBS = {"benchmark": "run", "calibrate": "making"}  # kind of job → where the URL holds its id

# Learn and the what-if panel, in the URL
PART = "part"
STEP = "step"
LESSON_CHANNEL = "lesson_channel"
LESSON_CLASS = "lesson_class"
LESSON_EPSILON = "lesson_epsilon"
LESSON_CENTROID = "lesson_centroid"
LESSON_COMPONENTS = "lesson_components"
LESSON_LEAST = "lesson_k"
LESSON_ACCEPT = "lesson_accept"
QUIZ = "quiz"
WHAT_IF = "whatif"
WHAT_IF_EPSILON = "whatif_epsilon"
WHAT_IF_COMPONENTS = "whatif_components"
WHAT_IF_LEAST = "whatif_k"
WHAT_IF_NORM = "whatif_norm"
WHAT_IF_ACCEPT = "whatif_accept"

# in the URL, the maps on the page "Screen an image"; a select box would write its words there, we want the name
COMPOSITE = "composite"

# in the session alone
FAITHFULNESS = "faithfulness"
FILES = "files"
FILE = "file"
CHANNEL_PLOT = "channel_plot"
DOWNLOAD = "download"
OOD_ZIP = "ood_zip"
WEIGHTS = "weights"
ARCH = "arch"
ID_ZIP = "id_zip"
ID_PATH = "id_path"
OOD_PATH = "ood_path"
CLASS_NAMES = "class_names"
INPUT_SIDE = "input_side"
NORMALISATION = "normalisation"
REDUCED = "reduced"
TITLE = "title_of_bundle"
PACKED = "packed"
# in the session alone, page "Neuron explorer"
GRID = "channel_grid"
IMAGE_MAP = "image_map"
SECOND_IMAGE = "second_image"
_CHANNEL_FIELD = "channel_field"
_MORE = "more_chosen"
_DRAFT = "draft"
_STAGED = "staged"
_CHECKED = "checked"
_ANNOUNCED = "announced"
_SHOWN_FILE = "shown_file"
_KNOWN_FILES = "known_files"
_DRAWN_FILES = "drawn_files"
_KEPT_FILES = "kept_files"
_ACCEPT_OF = "accept_of"
_SIDE = "side"


def sample() -> str | None:
    """The sample that the URL names."""
    return st.query_params.get(_SAMPLE)


def between_pages() -> dict[str, str]:
    """What a link to another page takes along: the sample and the jobs, which no widget holds."""
    return {name: st.query_params[name] for name in (_SAMPLE, *_JOBS.values()) if name in st.query_params}


def job(kind: str) -> str | None:
    """The job that the URL names."""
    return st.query_params.get(_JOBS[kind])


def show_job(kind: str, job_id: str) -> None:
    """Name a job in the URL: whoever has the link sees it, and a reload finds it again."""
    st.query_params[_JOBS[kind]] = job_id


def leave_job(kind: str) -> None:
    """The URL names no job of this kind any more."""
    st.query_params.pop(_JOBS[kind], None)


def draft(kind: str) -> str | None:
    """The folder that this session's uploads for a job are written to."""
    held: str | None = st.session_state.get(f"{_DRAFT} {kind}")
    return held


def keep_draft(kind: str, job_id: str | None) -> None:
    """From now on this one; with None none, and nothing is staged."""
    st.session_state[f"{_DRAFT} {kind}"] = job_id
    st.session_state[f"{_STAGED} {kind}"] = {}


def staged(kind: str) -> dict[str, str]:
    """Which uploaded file lies in the draft's folder, by the uploader's key; to be changed in place."""
    held: dict[str, str] = st.session_state.setdefault(f"{_STAGED} {kind}", {})
    return held


def checked(kind: str) -> tuple[object, str] | None:
    """The answers that were checked last, and what was wrong with them."""
    held: tuple[object, str] | None = st.session_state.get(f"{_CHECKED} {kind}")
    return held


def keep_checked(kind: str, held: tuple[object, str]) -> None:
    """Remember a check, which takes a moment, until the answers change."""
    st.session_state[f"{_CHECKED} {kind}"] = held


def announce(sentence: str) -> None:
    """Something to say once, in the run that follows."""
    st.session_state[_ANNOUNCED] = sentence


def announced() -> str:
    """What is to be said once."""
    return str(st.session_state.pop(_ANNOUNCED, ""))


def offer_classes(names: list[str]) -> None:
    """Fill in the class names, where nobody has written any."""
    if not st.session_state.get(CLASS_NAMES, "").strip():
        st.session_state[CLASS_NAMES] = "\n".join(names)


def bundle() -> str | None:
    """The reference set that is chosen."""
    return st.session_state.get(BUNDLE)


def choose_bundle(name: str) -> None:
    """Show another reference set from now on; for a callback, before the select box is drawn."""
    st.session_state[BUNDLE] = name


def keep_shown(file_id: str) -> None:
    """Remember the uploaded file that is shown, since a select box forgets it on another page."""
    st.session_state[_SHOWN_FILE] = file_id


def shown() -> str | None:
    """The uploaded file that was shown last, on whichever page."""
    held: str | None = st.session_state.get(_SHOWN_FILE)
    return held


def files_at_hand() -> list[Source]:
    """All files of this session: on pages without an uploader."""
    return [*kept_files(), *st.session_state.get(_DRAWN_FILES, [])]


def choose_sample(name: str) -> None:
    """Show a sample."""
    st.query_params[_SAMPLE] = name
    st.session_state[FILE] = None


def choose_file(file_id: str | None) -> None:
    """Show an uploaded file."""
    st.query_params.pop(_SAMPLE, None)
    st.session_state[FILE] = file_id


def leave_sample() -> None:
    """The select box chose an uploaded file: the URL names no sample any more."""
    if st.session_state.get(FILE) is not None:
        st.query_params.pop(_SAMPLE, None)


def file() -> str | None:
    """The uploaded file that is shown."""
    return st.session_state.get(FILE)


def take_new_files(file_ids: list[str]) -> None:
    """Show the first file of those that came with this run; forget the one that went."""
    known = st.session_state.get(_KNOWN_FILES, [])
    fresh = [file_id for file_id in file_ids if file_id not in known]
    st.session_state[_KNOWN_FILES] = file_ids
    if fresh:
        choose_file(fresh[0])
    elif file() not in file_ids:
        st.session_state[FILE] = None


def draw_files(drawn: list[Source]) -> None:
    """What the uploader holds now.

    Streamlit empties the uploader when another page is shown. An uploader that is empty although nobody emptied it
    (see ``files_changed``) has just come back, and what it held last joins the files of earlier visits.
    """
    if not drawn:
        st.session_state[_KEPT_FILES] = [*kept_files(), *st.session_state.get(_DRAWN_FILES, [])]
    st.session_state[_DRAWN_FILES] = drawn


def kept_files() -> list[Source]:
    """The files of earlier visits to the page."""
    kept: list[Source] = st.session_state.get(_KEPT_FILES, [])
    return kept


def files_changed() -> None:
    """Somebody added or removed files: what it held before is not kept."""
    st.session_state[_DRAWN_FILES] = []


def remove_kept_files() -> None:
    """Forget the files of earlier visits."""
    st.session_state[_KEPT_FILES] = []


def is_accept_of_another(bundle: str) -> bool:
    """Whether the acceptance was chosen for another bundle; from now on it is this one's."""
    before = st.session_state.get(_ACCEPT_OF)
    st.session_state[_ACCEPT_OF] = bundle
    return before is not None and before != bundle


def open_channel() -> None:
    """A click on the channel plot opens that channel."""
    points = st.session_state[CHANNEL_PLOT].selection.points
    if points and "customdata" in points[0]:
        picked = points[0]["customdata"]
        st.session_state[CHANNEL] = int(picked[0] if isinstance(picked, list | tuple) else picked)


# page "Neuron explorer"


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


def second() -> str | None:
    """The second image that the URL names: a sample or a reference image."""
    return st.query_params.get(_SECOND)


def choose_second() -> None:
    """The select box chose a second image; an uploaded one is not written into the URL."""
    chosen = st.session_state.get(SECOND_IMAGE)
    st.query_params.pop(_SECOND, None)
    if chosen is not None and not chosen.startswith("upload "):
        st.query_params[_SECOND] = chosen


def more_chosen(of: str) -> int:
    """How many further rows of chosen images somebody asked for; ``of`` names what was chosen."""
    held: tuple[str, int] = st.session_state.get(_MORE, ("", 0))
    return held[1] if held[0] == of else 0


def show_more_chosen(of: str) -> None:
    """Show further chosen images; for a callback."""
    st.session_state[_MORE] = (of, more_chosen(of) + 1)


def keep_side(place: DeltaGenerator) -> None:
    """The part of the side bar that pages fill; made anew in each run."""
    st.session_state[_SIDE] = place


def side() -> DeltaGenerator:
    """The part of the side bar that pages fill."""
    place: DeltaGenerator = st.session_state[_SIDE]
    return place


def asked_bundle() -> str | None:
    """The bundle that the URL names, before the select box has judged it."""
    return st.query_params.get(BUNDLE)


# Learn and the what-if panel

#: the sliders of "perturb and watch": one of each name in nero_core's PERTURBATIONS, and these
OCCLUDED = ("occluded_left", "occluded_top", "occluded_width", "occluded_height")
LESION = "lesion"
LESION_PLACE = ("lesion_x", "lesion_y", "lesion_size", "lesion_seed")
FILL = "fill"
PERTURBED_MAP = "perturbed_map"
_PERTURBED = "perturbed"
_BEFORE = "perturbed_before"
_ANSWERS = "quiz_answers"
_REVEALED = "quiz_revealed"
_DRAGGED = "dragged_rectangle"


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


def go_to(key: str, value: object) -> None:
    """Move a widget; for a callback."""
    st.session_state[key] = value


def set_all(values: dict[str, object]) -> None:
    """Move several widgets; for a callback."""
    for key, value in values.items():
        st.session_state[key] = value
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


def answers(seed: int) -> list[dict[str, bool]]:
    """What was answered in the quiz so far: who (``you``, a method) was right, one entry a picture."""
    held: dict[int, list[dict[str, bool]]] = st.session_state.setdefault(_ANSWERS, {})
    return held.setdefault(seed, [])


def answer(seed: int, right: dict[str, bool]) -> None:
    """One more answer, which is revealed now; for a callback."""
    answers(seed).append(right)
    st.session_state[_REVEALED] = seed


def is_revealed(seed: int) -> bool:
    """Whether the last picture that was answered is still shown, with its answer."""
    return bool(st.session_state.get(_REVEALED) == seed and answers(seed))


def next_picture() -> None:
    """Go on to the next picture; for a callback."""
    st.session_state[_REVEALED] = None


def restart_quiz(seed: int) -> None:
    """Forget the answers; for a callback."""
    st.session_state.get(_ANSWERS, {}).pop(seed, None)
    st.session_state[_REVEALED] = None


def link(settings: dict[str, str]) -> str:
    """The address of this page with these settings, the reference set and the sample; no uploaded image."""
    named = {BUNDLE: bundle() or "", _SAMPLE: sample() or ""} | settings
    address = str(st.context.url or "").partition("?")[0]
    return f"{address}?{urlencode({name: value for name, value in named.items() if value})}"


# composites, on the page "Screen an image"


def offer_composites(names: tuple[str, ...]) -> str | None:
    """Choose the composite that the URL names, or else the first; answers the one that does not suit, if any."""
    asked = st.query_params.get(COMPOSITE)
    if st.session_state.get(COMPOSITE) not in names:
        st.session_state[COMPOSITE] = asked if asked in names else names[0]
    return asked if asked is not None and asked not in names else None


def composite_chosen(default: str) -> None:
    """Somebody chose a composite: the URL names it, unless it is the default."""
    chosen = st.session_state[COMPOSITE]
    if chosen == default:
        st.query_params.pop(COMPOSITE, None)
    else:
        st.query_params[COMPOSITE] = chosen
