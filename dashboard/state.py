"""The only file that names a session key or a query parameter.

A widget whose key stands in the first group is bound to the URL by Streamlit, under that name, so that a colleague
opens the same view; the reference set is written there by hand, since it lasts over all pages. Uploaded images never
are: they live in the session alone.
"""

from collections.abc import Collection
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
RELEVANCE_WAY = "where_relevance_goes"
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
_ACCEPT_FOR = "accept_for"
_SIDE = "side"


def sample() -> str | None:
    """The sample that the URL names."""
    return st.query_params.get(_SAMPLE)


def between_pages() -> dict[str, str]:
    """What a link to another page takes along: the sample, the jobs, the reference set, the method and the acceptance.

    Of the last two what is chosen goes before what the address held when the page was opened. An acceptance that was
    chosen for another reference set stays here.
    """
    lasting = (_SAMPLE, *_JOBS.values(), BUNDLE, METHOD, ACCEPT)
    held = {name: st.query_params[name] for name in lasting if name in st.query_params}
    if st.session_state.get(METHOD) is not None:
        held[METHOD] = st.session_state[METHOD]
    if st.session_state.get(ACCEPT) is not None:
        held[ACCEPT] = percents(st.session_state[ACCEPT])
    if bundle() is not None and st.session_state.get(_ACCEPT_FOR, bundle()) != bundle():
        held.pop(ACCEPT, None)
    return held


def percents(share: float) -> str:
    """An acceptance as it stands in the URL: ``95`` or ``97.5``."""
    return f"{round(100 * share, 6):g}"


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
    st.query_params[BUNDLE] = name


def follow_bundle(names: list[str]) -> str | None:
    """Choose the reference set that the URL names, or else the first; answers what the URL names.

    The URL holds it and the select box follows, on every page and on the way back: a box that Streamlit binds to the
    URL forgets on the next page what was chosen on this one.
    """
    asked = st.query_params.get(BUNDLE)
    if asked in names:
        st.session_state[BUNDLE] = asked
    else:
        st.query_params.pop(BUNDLE, None)
        st.session_state[BUNDLE] = names[0]
    return asked


def bundle_chosen() -> None:
    """The select box chose a reference set: the URL names it."""
    st.query_params[BUNDLE] = st.session_state[BUNDLE]


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
    st.session_state[_ACCEPT_FOR] = st.session_state.get(BUNDLE)
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


def chosen_on_map(key: str) -> list[int]:
    """The points that are chosen on a map, which draws them anew when the image at hand changes."""
    held = st.session_state.get(key)
    return [int(row) for row in (held.get("chosen") if held is not None else None) or []]


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


def unavailable(key: str, offered: Collection[str]) -> str | None:
    """What the URL asks of a widget that does not offer it; before the widget is drawn, which takes it from the URL."""
    asked = st.query_params.get(key)
    return None if asked is None or asked in offered else asked


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


Game = tuple[str, float, int]  # digest of the reference set, ID acceptance, number of the sequence


def answers(game: Game) -> list[dict[str, bool]]:
    """What was answered in the quiz so far: who (``you``, a method) was right, one entry a picture."""
    held: dict[Game, list[dict[str, bool]]] = st.session_state.setdefault(_ANSWERS, {})
    return held.setdefault(game, [])


def answer(game: Game, number: int, right: dict[str, bool]) -> None:
    """The answer to one picture, which is revealed now; for a callback.

    A second click on the same picture, sent before the page came back, counts for nothing.
    """
    if number == len(answers(game)):
        answers(game).append(right)
        st.session_state[_REVEALED] = game


def is_revealed(game: Game) -> bool:
    """Whether the last picture that was answered is still shown, with its answer."""
    return bool(st.session_state.get(_REVEALED) == game and answers(game))


def next_picture() -> None:
    """Go on to the next picture; for a callback."""
    st.session_state[_REVEALED] = None


def restart_quiz(game: Game) -> None:
    """Forget the answers; for a callback."""
    st.session_state.get(_ANSWERS, {}).pop(game, None)
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


def composite(names: tuple[str, ...]) -> str | None:
    """The composite of the maps, whether or not one is shown: the chosen one, the URL's, or else the first."""
    asked = (st.session_state.get(COMPOSITE), st.query_params.get(COMPOSITE), *names[:1])
    return next((one for one in asked if one in names), None)


def composite_chosen(default: str) -> None:
    """Somebody chose a composite: the URL names it, unless it is the default."""
    chosen = st.session_state[COMPOSITE]
    if chosen == default:
        st.query_params.pop(COMPOSITE, None)
    else:
        st.query_params[COMPOSITE] = chosen
