"""The page "Learn" over the tiny bundle, without a browser."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import resources, state, words
from dashboard.pages.learn.experiments import EXPERIMENTS
from dashboard.pages.learn.lesson_steps import STEPS
from nero_core import Inspector
from nero_core.calibration import calibrate, feature_bank
from nero_core.errors import CalibrationError
from nero_core.types import Detection, ImageBatch, Observation
from tests.conftest import COMMON, MadeOnce
from tests.dashboard.material import CLASSES, asked, html

Start = Callable[..., AppTest]

CONTROLS = {
    "features": ("slider", "lesson_channel", 7),
    "logits": ("selectbox", "lesson_class", "normal-z-line"),
    "relevance": ("select_slider", "lesson_epsilon", 1.0),
    "centroid": ("selectbox", "lesson_centroid", "normal-z-line"),
    "distance": ("slider", "lesson_components", 3),
    "scale": ("slider", "lesson_k", 20),
    "verdict": ("select_slider", "lesson_accept", 0.9),
    "depths": ("selectbox", "lesson_stage", "the last stage"),
}


def learn(app: Start, **query: str) -> AppTest:
    return app("learn", **query)


def no_traceback(running: AppTest) -> None:
    assert not running.exception
    assert [error.value for error in running.error] == []


def formulas(running: AppTest) -> str:
    return "\n".join(text.value for text in running.get("latex"))


def page_text(running: AppTest) -> str:
    return "\n".join(text.value for text in [*running.markdown, *running.get("latex")]) + html(running)


def test_the_controls_here_are_those_of_the_steps():
    assert list(CONTROLS) == list(STEPS)
    assert len(STEPS) == 8


@pytest.mark.parametrize("step", STEPS)
def test_each_step_has_a_formula_with_numbers_one_plot_and_one_control_that_moves_them(app: Start, step: str):
    running = learn(app, step=step, sample="polyps")
    no_traceback(running)
    place = list(STEPS).index(step) + 1
    assert running.subheader[-1].value.startswith(f"Step {place} of 8")
    assert len(running.get("plotly_chart")) == 1
    before, formula = page_text(running), formulas(running)
    assert any(digit in formula for digit in "123456789")
    kind, key, value = CONTROLS[step]
    widget = {element.key: element for element in running.get(kind)}[key]
    widget.set_value(value if widget.value != value else "normal-cecum").run()
    no_traceback(running)
    assert page_text(running) != before


def test_the_last_step_says_what_both_tests_say_together_or_why_only_one_can(
    app: Start, verdict_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    alone = learn(app, step="depths", sample="polyps")
    assert any("calibration images" in caption.value for caption in alone.caption)
    verdict = 'class="nero-verdict"'
    assert verdict not in html(alone)
    monkeypatch.setenv("NERO_BUNDLES", str(verdict_bundle))
    both = learn(app, step="depths", sample="polyps", bundle=verdict_bundle.name)
    no_traceback(both)
    assert html(both).count(verdict) == 1
    quiz = learn(app, part="Quiz", bundle=verdict_bundle.name)
    quiz.button(key="quiz_ood").click().run()
    assert "verdict, by two tests<small>p-values</small>" in html(quiz)
    assert "NERO, all depths" in html(both)


def test_back_and_next_walk_through_all_steps_and_on_to_perturb_and_watch(app: Start):
    running = learn(app, sample="polyps")
    for place in range(1, 8):
        running.button(key="lesson_next").click().run()
        no_traceback(running)
        assert running.subheader[-1].value.startswith(f"Step {place + 1} of 8")
    running.button(key="lesson_back").click().run()
    assert running.subheader[-1].value.startswith("Step 7 of 8")
    running.button(key="lesson_next").click().run()
    running.button(key="lesson_next").click().run()
    no_traceback(running)
    assert running.segmented_control(key="part").value == "Perturb and watch"
    assert running.slider(key="perturb_blur")
    running.button(key="lesson_next").click().run()
    assert running.segmented_control(key="part").value == "Quiz"
    running.button(key="lesson_back").click().run()
    running.button(key="lesson_back").click().run()
    no_traceback(running)
    assert running.subheader[-1].value.startswith("Step 8 of 8")


def test_without_a_choice_a_sample_is_shown(app: Start):
    running = learn(app)
    no_traceback(running)
    assert any("polyps" in caption.value for caption in running.caption)


@pytest.mark.parametrize(
    ("key", "asked", "says", "other"),
    [
        ("step", "bogus", "The link's step bogus is not available here; this is features.", "logits"),
        ("part", "<b>", r"The link's part \<b\> is not available here; this is Step by step.", "Quiz"),
    ],
)
def test_a_link_to_what_is_not_offered_says_so_until_something_is_chosen(
    app: Start, key: str, asked: str, says: str, other: str
):
    running = learn(app, sample="polyps", **{key: asked})
    no_traceback(running)
    assert says in [warning.value for warning in running.warning]
    running.segmented_control(key=key).set_value(other).run()
    assert not running.warning


def test_the_probabilities_are_handed_back_whole(app: Start):
    running = learn(app, step="relevance", sample="polyps")
    assert "= 1.00\n" in formulas(running)  # three digits, as everywhere
    assert any("nothing is lost" in text.value for text in running.markdown)


def test_a_picture_of_nothing_is_a_sentence_and_a_way_on(app: Start, sample_folder: Path, monkeypatch, tmp_path: Path):
    folder = tmp_path / "samples"
    shutil.copytree(sample_folder, folder)
    monkeypatch.setenv("NERO_SAMPLES", str(folder))
    observe = Inspector.observe
    monkeypatch.setattr(Inspector, "observe", lambda self, batch: _nothing(observe(self, batch)))
    running = learn(app, sample="polyps")
    no_traceback(running)
    assert "0 in every channel" in running.warning[0].value
    assert "Choose another image" in running.warning[0].value
    running.segmented_control(key="part").set_value("Perturb and watch").run()
    no_traceback(running)
    assert "0 in every channel" in running.warning[0].value
    assert "nero-verdict" in html(running)


def _nothing(seen: Observation) -> Observation:
    return replace(seen, features=torch.zeros_like(seen.features))


def perturb_page(app: Start, sample: str = "normal-cecum") -> AppTest:
    running = learn(app, sample=sample, part="Perturb and watch")
    no_traceback(running)
    return running


def score(running: AppTest) -> str:
    return html(running).split("<dt>Score</dt><dd>")[1].split("</dd>")[0]


def test_a_perturbation_moves_the_score_and_undo_and_reset_take_it_back(app: Start):
    running = perturb_page(app)
    assert score(running).endswith("unchanged")
    running.slider(key="perturb_blur").set_value(3.0).run()
    blurred = score(running)
    assert not blurred.endswith("unchanged")
    running.slider(key="perturb_noise").set_value(20).run()
    assert score(running) != blurred
    running.button(key="perturb_undo").click().run()
    no_traceback(running)
    assert score(running) == blurred
    assert running.slider(key="perturb_noise").value == 0
    running.slider(key="perturb_hue").set_value(90).run()
    running.button(key="perturb_reset").click().run()
    no_traceback(running)
    assert score(running).endswith("unchanged")


def test_a_link_opens_the_same_perturbation(app: Start):
    running = perturb_page(app)
    running.slider(key="perturb_noise").set_value(20).run()
    running.selectbox(key="lesion").select("polyps").run()
    again = learn(app, sample="normal-cecum", part="Perturb and watch", perturb_noise="20", lesion="polyps")
    no_traceback(again)
    assert score(again) == score(running)
    again.button(key="perturb_reset").click().run()
    assert score(again).endswith("unchanged")


@pytest.mark.parametrize(
    "moves",
    [
        {"perturb_rotation": 45},
        {"perturb_brightness": 0.5},
        {"perturb_hue": 60},
        {"perturb_jpeg": 3},
        {"occluded_left": 20, "occluded_top": 20, "occluded_width": 60, "occluded_height": 60},
    ],
    ids=str,
)
def test_each_control_reaches_the_score(app: Start, moves: dict[str, float]):
    running = perturb_page(app)
    for key, value in moves.items():
        running.slider(key=key).set_value(value).run()
    no_traceback(running)
    assert not score(running).endswith("unchanged")


def test_a_lesion_can_be_pasted_and_moved(app: Start):
    running = perturb_page(app)
    assert running.slider(key="lesion_x").disabled
    running.selectbox(key="lesion").select("polyps").run()
    no_traceback(running)
    first = score(running)
    assert not first.endswith("unchanged")
    running.slider(key="lesion_size").set_value(80).run()
    assert score(running) != first


def test_the_heatmap_comes_when_it_is_asked_for_with_its_conservation(app: Start):
    running = perturb_page(app)
    assert not any("the map adds up to" in caption.value for caption in running.caption)
    running.toggle(key="perturbed_map").set_value(True).run()
    no_traceback(running)
    assert any("the map adds up to" in caption.value for caption in running.caption)
    assert "Heatmap of" in html(running)


def test_the_quiz_reveals_tallies_and_starts_again(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.state.learn.DOUBLE_CLICK", 0.0)
    running = learn(app, part="Quiz")
    no_traceback(running)
    for number in range(1, 4):
        assert f"Picture {number}:" in running.subheader[0].value
        assert (running.button(key="quiz_id").label, running.button(key="quiz_ood").label) == ("● ID", "◆ OOD")
        given, other = ("quiz_ood", "quiz_id") if number % 2 else ("quiz_id", "quiz_ood")
        running.button(key=given).click().run()
        no_traceback(running)
        assert (running.button(key=given).label, running.button(key=other).disabled) == ("Next picture", True)
        page = html(running)
        assert "drawn as" in page
        assert page.count('scope="row"') == 4
        assert f"of {number} right" in page
        running.button(key=given).click().run()
    page = html(running)
    assert all(f"<span>{name}</span>" in page for name in ("You", "NERO", "NERO, all depths", "NERO+", "msp"))
    running.button(key="quiz_restart").click().run()
    no_traceback(running)
    assert "Picture 1:" in running.subheader[0].value
    assert "of 3 right" not in html(running)


@pytest.mark.parametrize("query", [{"step": "verdict"}, {"part": "Perturb and watch"}], ids=str)
def test_a_verdict_says_that_the_reference_set_is_drawn(app: Start, query: dict[str, str]):
    running = learn(app, sample="polyps", **query)
    no_traceback(running)
    assert words.SYNTHETIC in [caption.value for caption in running.caption]


def test_a_second_click_on_one_picture_counts_for_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.state.learn.st.session_state", {})
    game = ("digest", 0.95, 1)
    state.learn.answer(game, 0, {"you": True})
    state.learn.answer(game, 0, {"you": False})
    assert state.learn.answers(game) == [{"you": True}]
    state.learn.answer(game, 1, {"you": False})
    assert state.learn.answers(game) == [{"you": True}, {"you": False}]


@pytest.mark.parametrize(("within", "still_shown"), [(float("inf"), True), (0.0, False)])
def test_the_second_click_of_a_double_one_leaves_the_answer_on_the_page(
    monkeypatch: pytest.MonkeyPatch, within: float, still_shown: bool
):
    monkeypatch.setattr("dashboard.state.learn.st.session_state", {})
    monkeypatch.setattr("dashboard.state.learn.DOUBLE_CLICK", within)
    game = ("digest", 0.95, 1)
    state.learn.answer(game, 0, {"you": True})
    state.learn.next_picture()
    assert state.learn.is_revealed(game) == still_shown


def test_another_threshold_has_a_tally_of_its_own(app: Start):
    running = learn(app, part="Quiz")
    running.button(key="quiz_ood").click().run()
    assert "of 1 right" in html(running)
    running.select_slider(key="accept").set_value(0.9).run()
    no_traceback(running)
    assert "of 1 right" not in html(running)
    assert "Picture 1:" in running.subheader[0].value
    running.select_slider(key="accept").set_value(0.95).run()
    assert "of 1 right" in html(running)


def test_a_sequence_is_the_same_for_whoever_opens_its_link(app: Start):
    def first(seed: str) -> str:
        st.cache_resource.clear()  # drawn again, as on another server
        st.cache_data.clear()
        pictures = html(learn(app, part="Quiz", quiz=seed)).split("<img")
        return next(picture for picture in pictures if "of the quiz" in picture)

    assert first("7") == first("7") != first("8")


def test_a_method_that_does_not_fit_takes_no_part(app: Start, monkeypatch: pytest.MonkeyPatch):
    build = feature_bank.build_detector

    def refuse(name: str, *rest: object, **hyper: object) -> object:
        if name == "nero_plus":
            raise CalibrationError("Expected more images.")
        return build(name, *rest, **hyper)

    monkeypatch.setattr("nero_core.calibration.feature_bank.build_detector", refuse)
    running = learn(app, part="Quiz")
    running.button(key="quiz_id").click().run()
    no_traceback(running)
    page = html(running)
    assert "<span>NERO+</span>" not in page
    assert page.count('scope="row"') == 3


@pytest.fixture
def own_pictures(made_once: MadeOnce, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """A reference set of pictures that are said to be taken, which keeps three of each kind for the quiz."""

    def make(folder: Path) -> None:
        of = {"ood": phantoms / "ood", "references": 0, "patches": 0, "quiz_images": 3}
        calibrate(tiny_checkpoint, phantoms / "id", folder / "own", title="Own", **of, **COMMON | {"synthetic": False})

    return made_once("own-pictures", make) / "own"


def test_a_reference_set_that_keeps_pictures_is_quizzed_with_its_own(
    app: Start, own_pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_BUNDLES", str(own_pictures))
    running = learn(app, part="Quiz", bundle="own")
    no_traceback(running)
    assert "These are images of the reference set itself" in page_text(running)
    running.button(key="quiz_ood").click().run()
    no_traceback(running)
    assert "of the class" in html(running) and "drawn as" not in html(running)
    assert "of 1 right" in html(running)


def test_a_reference_set_that_keeps_pictures_offers_them_as_samples(
    app: Start, own_pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_BUNDLES", str(own_pictures))
    inside, outside = resources.own_samples(Inspector.load(own_pictures, "cpu"))
    assert len(inside) == len(outside) == 3 and not set(inside) & set(outside)
    assert len({item.name for item in inside.values()}) > 1  # classes in turn
    running = app(bundle="own")
    no_traceback(running)
    assert "Images of this reference set (ID)" in html(running) and "Samples of other findings" not in html(running)
    offered = [button.key for button in running.button if str(button.key).startswith("sample_")]
    assert offered == [f"sample_{name}" for name in (*inside, *outside)]
    assert any("keeps these images small" in caption.value for caption in running.caption)
    running.button(key=offered[0]).click().run()
    no_traceback(running)
    shown = next(iter(inside.values()))
    assert shown.name in page_text(running) or shown.name.replace("-", "\\-") in page_text(running)


def test_what_is_said_of_an_own_picture_is_said_of_the_image_itself(own_pictures: Path):
    model = Inspector.load(own_pictures, "cpu")
    assert model.bundle.ood is not None
    seen = set()
    for number in range(12):
        case, item = resources.own_case(model, 1, number)
        image_id = item.key.removeprefix("own ")
        bank = model.bundle.ood if case.is_ood else model.bundle.calibration
        row = bank.ids.index(image_id)
        seen.add((image_id, case.is_ood))
        detection = resources.own_answer(model, 1, number, "nero", 0.95)
        scores = model.reference_scores("nero")
        expected = scores.ood if case.is_ood else scores.calibration
        assert isinstance(detection, Detection) and expected is not None
        torch.testing.assert_close(detection.score[0], expected[row])
        assert "looks at them once more" in str(resources.own_answer(model, 1, number, "odin", 0.95))
    assert {is_ood for _, is_ood in seen} == {True, False} and len(seen) <= 6


def test_other_classes_have_no_quiz_but_a_sentence(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.pages.learn.quiz.can_be_quizzed", lambda names: False)
    running = learn(app, part="Quiz")
    no_traceback(running)
    assert "so that the answer is known. This reference set has other classes (" in running.info[0].value
    assert "normal\\-cecum" in running.info[0].value


def test_a_wide_upload_keeps_its_aspect_when_perturbed(app: Start):
    buffer = io.BytesIO()
    Image.effect_mandelbrot((120, 60), (-2, -1, 1, 1), 40).convert("RGB").save(buffer, "PNG")
    running = app()
    running.file_uploader(key="files").set_value([("wide.png", buffer.getvalue(), "image/png")])
    running.run()
    running.switch_page("pages/learn/page.py").run()
    running.segmented_control(key="part").set_value("Perturb and watch").run()
    no_traceback(running)
    assert 'width="120" height="60"' in html(running)


@pytest.mark.parametrize("part", ["Step by step", "Perturb and watch"])
def test_features_that_are_not_finite_are_one_sentence(app: Start, monkeypatch: pytest.MonkeyPatch, part: str):
    observe = Inspector.observe

    def broken(self: Inspector, batch: ImageBatch) -> Observation:
        seen = observe(self, batch)
        return replace(seen, features=torch.full_like(seen.features, torch.nan))

    monkeypatch.setattr(Inspector, "observe", broken)
    running = learn(app, sample="polyps", part=part)
    assert not running.exception
    assert [error.value.replace("\\", "") for error in running.error] == [
        "Expected finite features. Found NaN or infinity. Check the image and the weights."
    ]


def is_full(running: AppTest) -> bool:
    """Whether Escape is listened for."""
    return any("nero_escape" in each.proto.component_name for each in running.get("bidi_component"))


def test_full_screen_hides_the_side_bar_and_its_link_opens_it(app: Start):
    running = learn(app)
    assert not is_full(running)
    running.toggle(key="full_screen").set_value(True).run()
    no_traceback(running)
    assert is_full(running)
    again = learn(app, part="Quiz", full_screen="true")
    no_traceback(again)
    assert is_full(again)


def test_a_first_look_shows_reference_images_of_every_class_until_the_first_answer(app: Start):
    running = learn(app, part="Quiz")
    (look,) = [box for box in running.expander if box.label == "First look: what ID looks like"]
    assert look.proto.expanded
    shown = html(running)
    for name in CLASSES:
        assert shown.count(f'alt="Reference image of {name}"') == 6
    running.button(key="quiz_id").click().run()
    (look,) = [box for box in running.expander if box.label == "First look: what ID looks like"]
    assert not look.proto.expanded


def test_the_tally_survives_a_reload_and_is_of_its_own_game(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.state.learn.DOUBLE_CLICK", 0.0)
    running = learn(app, part="Quiz")
    for _ in range(3):
        running.button(key="quiz_ood").click().run()
        running.button(key="quiz_ood").click().run()
    no_traceback(running)
    tally, before = asked(running, "tally"), html(running).split("quiz_tally")[-1]
    assert re.fullmatch("[0-9a-f]{8}[.][01]{3}", tally)
    again = learn(app, part="Quiz", tally=tally)
    no_traceback(again)
    assert "Picture 4:" in again.subheader[0].value
    assert html(again).split("quiz_tally")[-1] == before
    other = learn(app, part="Quiz", tally=tally, quiz="2")
    assert "Picture 1:" in other.subheader[0].value and "tally" not in other.query_params
    for spoiled in ("x", f"{tally.split('.')[0]}.12", "." * 500):
        assert "Picture 1:" in learn(app, part="Quiz", tally=spoiled).subheader[0].value
    again.button(key="quiz_restart").click().run()
    assert "Picture 1:" in again.subheader[0].value and "tally" not in again.query_params


@pytest.mark.parametrize("number", range(len(EXPERIMENTS)))
def test_an_experiment_sets_the_sliders_and_says_what_came_of_it(app: Start, number: int):
    running = learn(app, part="Perturb and watch", sample="polyps")
    assert 'class="nero-lesson" role' not in html(running)
    running.button(key=f"experiment_{number}").click().run()
    no_traceback(running)
    lesson = html(running).split('class="nero-lesson" role="status">')[1].split("</p>")[0]
    assert lesson.startswith(f"With {EXPERIMENTS[number].did} NERO ")
    verdict = html(running).split('class="nero-verdict"')[1]
    is_unlike = "<h2>Unlike the reference images" in verdict
    assert ("calls the image unlike" in lesson and "no longer" not in lesson) == is_unlike  # as the page shows
    running.slider(key="perturb_blur").set_value(0.5).run()
    assert 'class="nero-lesson" role' not in html(running)  # it is that experiment no more
