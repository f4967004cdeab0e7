"""ID or OOD? Pictures to judge, against the methods: freshly drawn ones, or the reference set's own."""

from html import escape

import streamlit as st

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.link_values import link_values, numbers
from dashboard.components.methods_on_image import FIRST, asked_methods, verdict_table
from dashboard.pages.learn.first_look import first_look
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.phantom import QuizCase, can_be_quizzed
from nero_core.types import Detection

SHOWN = FIRST  # beside the picture; the tally has all
YOU = "you"
SEQUENCES = 10_000  # of pictures, to choose from


def quiz(inspector: Inspector, tpr: float) -> None:
    """A seeded sequence, so that a whole room judges the same pictures."""
    with plain_errors():
        names = inspector.bundle.card.class_names
        if not can_be_quizzed(names) and not resources.has_own_cases(inspector):
            listed = words.listed([words.plain(name) for name in names])
            st.info(
                "The quiz draws its own pictures, of three places in the gut and of five findings, so that the answer "
                f"is known. This reference set has other classes ({listed}), and no picture drawn here is certain to "
                "be OOD for them; nor does it keep pictures of its own calibration and OOD images. Make it again with "
                "nero calibrate and OOD images, or choose the phantom's reference set in the side bar."
            )
            return
        _card(inspector, tpr)


@st.fragment
def _card(inspector: Inspector, tpr: float) -> None:
    with plain_errors():
        with link_values({state.learn.QUIZ: numbers("sequence of pictures", 0, SEQUENCES - 1)}):
            sequence = st.number_input(
                "Sequence of pictures", 0, SEQUENCES - 1, 1, key=state.learn.QUIZ, bind="query-params", width=200
            )
        seed = int(sequence)
        game = (inspector.bundle.digest, tpr, seed)  # another threshold or classifier answers otherwise
        answers, is_revealed = _answers(inspector, game), state.learn.is_revealed(game)
        state.learn.show_tally(game, "".join(str(int(given[YOU])) for given in answers))
        number = len(answers) - is_revealed
        with st.spinner("Drawing a picture …"):
            case, item = _case(inspector, seed, number)
            detections = _verdicts(inspector, (seed, number), item, tpr)
        first_look(inspector, is_open=not answers)
        with st.container(border=True, key="quiz_card"):
            picture_side, question_side = st.columns([2, 3], gap="large")
            with picture_side:
                kind = "small" if resources.shows_own_pictures(inspector) else "drawn"
                shown = marks.picture(resources.picture(item), f"Picture {number + 1} of the quiz, {kind}")
                st.html(f'<div class="nero-picture nero-quiz-picture">{shown}</div>')
            with question_side:
                st.subheader(f"Picture {number + 1}: ID or OOD?", anchor=False)
                names = words.listed([words.plain(name) for name in inspector.bundle.card.class_names])
                if resources.shows_own_pictures(inspector):
                    st.markdown(
                        f"ID is one of its classes: {names}. OOD is none of them. These are images of the reference "
                        "set itself, in small: calibration images, on which the thresholds were set, and OOD images."
                    )
                else:
                    st.markdown(
                        f"ID shows {names}, and nothing else. OOD shows a finding that the classifier never saw."
                    )
                _buttons(case, detections, game, number, answers[-1][YOU] if is_revealed else None)
                if is_revealed:
                    _reveal(
                        case,
                        detections,
                        answers[-1][YOU],
                        "of the class" if resources.shows_own_pictures(inspector) else "drawn as",
                    )
        _tally(answers, game)


def _answers(inspector: Inspector, game: state.learn.Game) -> list[dict[str, bool]]:
    """What was answered so far; after a reload what the URL says of it, with the methods asked again."""
    answers, said = state.learn.answers(game), state.learn.tally_of_link(game)
    if answers or not said:
        return answers
    _, tpr, seed = game
    bar, given = st.empty(), []
    for number, right in enumerate(said):
        bar.progress(number / len(said), text=f"Counting your {len(said)} answers again, {number + 1} of {len(said)} …")
        case, item = _case(inspector, seed, number)
        given.append({YOU: right == "1"} | _right(case, _verdicts(inspector, (seed, number), item, tpr)))
    bar.empty()
    state.learn.restore(game, given)
    return state.learn.answers(game)


def _right(case: QuizCase, detections: dict[str, Detection]) -> dict[str, bool]:
    return {name: bool(detection.is_ood[0]) == case.is_ood for name, detection in detections.items()}


def _case(inspector: Inspector, seed: int, number: int) -> tuple[QuizCase, Source]:
    return (
        resources.own_case(inspector, seed, number)
        if resources.shows_own_pictures(inspector)
        else resources.drawn_case(seed, number)
    )


def _verdicts(inspector: Inspector, place: tuple[int, int], item: Source, tpr: float) -> dict[str, Detection]:
    """What the methods say that fit this reference set; of its own images from the bank, not from the small picture."""
    methods = asked_methods(inspector, tpr)
    if resources.shows_own_pictures(inspector):
        answers = {name: resources.own_answer(inspector, *place, name, tpr) for name in methods}
    else:
        answers = {name: resources.answer(inspector, item, name, tpr) for name in methods}
    return {name: answer for name, answer in answers.items() if isinstance(answer, Detection)}


def _buttons(
    case: QuizCase, detections: dict[str, Detection], game: state.learn.Game, number: int, was_right: bool | None
) -> None:
    """The two answers. The one that was given turns into the way on, in its place, so that the focus stays on it."""
    right = _right(case, detections)
    given = None if was_right is None else was_right == case.is_ood
    with st.container(horizontal=True, key="quiz_buttons"):
        for label, symbol, says_ood in (("ID", "●", False), ("OOD", "◆", True)):
            is_given = given is says_ood
            st.button(
                "Next picture" if is_given else f"{symbol} {label}",
                key=f"quiz_{label.lower()}",
                type="primary",
                disabled=given is not None and not is_given,
                on_click=state.learn.next_picture if is_given else state.learn.answer,
                args=() if is_given else (game, number, {YOU: says_ood == case.is_ood} | right),
            )


def _reveal(case: QuizCase, detections: dict[str, Detection], is_right: bool, shown_as: str) -> None:
    truth = "OOD" if case.is_ood else "ID"
    st.html(
        f'<p class="nero-quiz-answer" role="status">{"Right" if is_right else "Not this time"}: it is <b>{truth}</b>, '
        f"{shown_as} {escape(case.label)}.</p>"
    )
    st.html(verdict_table({name: detections[name] for name in SHOWN if name in detections}))
    st.caption("Unlike counts as OOD; like and borderline as ID. The smallest p comes first.")


def _tally(answers: list[dict[str, bool]], game: state.learn.Game) -> None:
    (_, tpr, _), total = game, len(answers)
    if not total:
        st.caption("Nothing answered yet. You play against every method that fits this reference set.")
        return
    with st.container(border=True, key="quiz_tally"):
        st.subheader("Tally", anchor=False)
        rights = {name: sum(answer.get(name, False) for answer in answers) for name in answers[0]}
        st.html(
            marks.bars(
                [
                    (_named(name), rights[name], words.tally(rights[name], total), name != YOU)
                    for name in (YOU, *SHOWN)
                    if name in rights
                ],
                largest=float(total),
            )
        )
        st.caption(
            f"How many pictures each judged rightly. A method rejects {words.percent(1 - tpr)} of ID images on purpose."
        )
        with st.popover("All methods", icon=":material/table:", type="tertiary"):
            order = sorted(rights, key=lambda name: -rights[name])
            table = {"who": [_named(name) for name in order], f"right of {total}": [rights[name] for name in order]}
            st.dataframe(table, hide_index=True, alt="Pictures that you and each method judged rightly")
        st.button(
            "Start again",
            icon=":material/restart_alt:",
            key="quiz_restart",
            on_click=state.learn.restart_quiz,
            args=(game,),
        )


def _named(who: str) -> str:
    return "You" if who == YOU else words.method(who)
