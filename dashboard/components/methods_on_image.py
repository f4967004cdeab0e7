"""One image, every method: verdicts side by side, and in words where they disagree."""

from collections.abc import Mapping
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.chooser import choose, title
from dashboard.components.figure_download import figure_download, origin
from dashboard.components.image_cards import end_of_card
from dashboard.components.link_values import link_values, switch
from dashboard.components.marks import picture
from dashboard.components.samples import sample, sample_strip
from dashboard.components.uploader import distinct_names
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import VERDICT_COLOUR
from nero_core import VERDICT, Inspector
from nero_core.detectors import METHODS
from nero_core.figures import bar_figure
from nero_core.types import Detection

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: asked first; each is fitted in well under a second, all of them in some seconds
FIRST = (VERDICT, "nero", "nero_deep", "nero_plus", "msp")


def methods_on_image(inspector: Inspector, tpr: float) -> None:
    """The image of "Screen an image", or a sample: by the first methods, or by every one where that is asked for."""
    with st.container(border=True, key="methods_on_image"), plain_errors():
        st.subheader("This image, method by method", anchor=False)
        item = choose(_files(), sample(inspector))
        if item is None:
            st.markdown(
                "Choose a sample. Or drop an image on “Screen an image” and come back: it stays chosen. You then read "
                "what each method says about it, and where methods disagree."
            )
            sample_strip(inspector)
            return
        picture_side, words_side = st.columns([1, 4], gap="medium")
        with picture_side, st.container(key="methods_picture"):
            st.html(f'<div class="nero-picture">{picture(resources.picture(item), f"The image {item.name}")}</div>')
            end_of_card(item)
        with words_side:
            title(item, resources.note(item))
            place = st.empty()
            methods = asked_methods(inspector, tpr)
            with link_values({state.compare.EVERY_METHOD: switch("switch to every method")}):
                wants_all = st.toggle(
                    f"Ask all {len(methods)} methods",
                    key=state.compare.EVERY_METHOD,
                    bind="query-params",
                    help="The first time each is fitted: some seconds, a minute with a large reference set.",
                )
            best = next(iter(resources.ranked(inspector)), "")
            chosen = methods if wants_all else [name for name in methods if name in (*FIRST, best)]
            answers = _answers(inspector, item, chosen, tpr, place)
            detections = {name: answer for name, answer in answers.items() if isinstance(answer, Detection)}
            agreement = words.agreement(
                {name: answer.verdict(0) for name, answer in detections.items() if name != VERDICT},
                {name: words.family(name) for name in detections},
            )
            place.markdown(words.plain(agreement))
        with st.container(key="methods_answers"):
            _table(inspector, item, tpr, answers, detections)
            end_of_card(item)


def _table(
    inspector: Inspector,
    item: Source,
    tpr: float,
    answers: Mapping[str, Detection | str],
    detections: Mapping[str, Detection],
) -> None:
    if detections:
        st.html(verdict_table(detections))
        size = next(iter(detections.values())).calibration_size
        st.caption(
            f"Most unusual first. p: the share of {size} calibration images that score as high, this image "
            f"included; 1/{size + 1} is the smallest. Each threshold lets {words.percent(tpr)} of them pass. "
            "Methods that agree may be wrong together: many look at the same numbers."
        )
        make = partial(_figure, detections)
        figure_download("methods on this image", make, "methods_on_image", footer=origin(inspector, item))
    missing = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    if missing:
        count = len(missing)
        with st.expander(f"{count} {'method' if count == 1 else 'methods'} cannot answer"):
            lines = [f"- **{words.plain(name)}**: {words.plain(reason)}" for name, reason in missing.items()]
            st.markdown("\n".join(lines))


def asked_methods(inspector: Inspector, tpr: float) -> list[str]:
    """The verdict by two tests, where the reference set has it, and every method of the catalog."""
    return [name for name in METHODS if name != VERDICT or not inspector.no_verdict_because(tpr)]


def verdict_table(detections: Mapping[str, Detection], index: int = 0) -> str:
    """A row a method, the smallest p-value first; NERO's is marked."""
    rows = ""
    for name in _ordered(detections, index):
        detection = detections[name]
        verdict, p = detection.verdict(index), float(detection.p_value[index])
        is_ours = ' class="ours"' if name == "nero" else ""
        rows += (
            f'<tr{is_ours}><th scope="row">{escape(words.method(name))}<small>{escape(words.family(name))}</small>'
            f'</th><td class="said"><span class="symbol" aria-hidden="true" style="color:{VERDICT_COLOUR[verdict]}">'
            f"{words.SYMBOL[verdict]}</span> {verdict}</td>"
            f'<td class="p"><span class="nero-p"><i style="width:{100 * p:.1f}%"></i></span>{words.number(p, 2)}</td>'
            f'<td class="wide">{words.number(float(detection.score[index]))}</td>'
            f'<td class="wide">{words.number(detection.threshold)}</td></tr>'
        )
    heads = "".join(f'<th scope="col"{css}>{text}</th>' for text, css in _HEADS)
    return f'<table class="nero-methods"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _ordered(detections: Mapping[str, Detection], index: int = 0) -> list[str]:
    return sorted(detections, key=lambda name: (float(detections[name].p_value[index]), list(detections).index(name)))


def _figure(detections: Mapping[str, Detection]) -> "Figure":
    """The p-value of every method as a bar, its verdict in words."""
    order = _ordered(detections)
    p_values = [float(detections[name].p_value[0]) for name in order]
    names = [f"{words.method(name)} ({words.family(name)})" for name in order]
    texts = [f"{words.number(p, 2)}, {detections[name].verdict(0)}" for name, p in zip(order, p_values, strict=True)]
    size, tpr = detections[order[0]].calibration_size, detections[order[0]].tpr
    note = f"p: the share of {size} calibration images that score as high, this image included. "
    note += f"Each threshold lets {words.percent(tpr)} of them pass."
    marked = [place for place, name in enumerate(order) if name == "nero"]
    return bar_figure(names, p_values, "p-value of this image", texts, marked, note=note, whole=1.0)


_HEADS = (("Method", ""), ("Verdict", ""), ("p", ""), ("Score", " class=wide"), ("Threshold", " class=wide"))


def _files() -> list[Source]:
    """The files that came along and can be read."""
    files = [item for item in state.images.files_at_hand() if not resources.problem(item)]
    return distinct_names(files)


def _answers(
    inspector: Inspector, item: Source, methods: list[str], tpr: float, place: st.delta_generator.DeltaGenerator
) -> dict[str, Detection | str]:
    """Each method's answer; the first time a method is asked it is fitted, which may take a while."""
    answers: dict[str, Detection | str] = {}
    for done, name in enumerate(methods):
        place.progress(done / len(methods), text=f"Asking {words.method(name)}, {done + 1} of {len(methods)} …")
        answers[name] = resources.answer(inspector, item, name, tpr)
    return answers
