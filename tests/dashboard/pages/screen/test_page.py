"""The page over the tiny bundle, without a browser."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nero_core import COMPOSITES, Explorer
from nero_core.errors import CalibrationError
from tests.dashboard.material import html, png, until
from tests.nero_core.data.dicom_files import dicom

Start = Callable[..., AppTest]


def upload(running: AppTest, *files: tuple[str, bytes]) -> AppTest:
    running.file_uploader(key="files").set_value([(name, data, "application/octet-stream") for name, data in files])
    return running.run()


def no_traceback(running: AppTest) -> None:
    assert not running.exception
    assert not any("Traceback" in str(error.value) or "not foreseen" in str(error.value) for error in running.error)


def test_an_empty_page_teaches_and_offers_a_sample(app: Start):
    running = app()
    no_traceback(running)
    assert any("Drop an image above" in text.value for text in running.markdown)
    running.button(key="try_sample").click().run()
    no_traceback(running)
    assert running.query_params["sample"] in ("polyps", ["polyps"])
    assert "nero-verdict" in html(running)


def test_a_sample_gets_a_verdict_two_plots_and_eight_concepts(app: Start):
    running = app(sample="normal-cecum")
    no_traceback(running)
    page = html(running)
    assert any(
        f"<h2>{words}</h2>" in page
        for words in ("Like the reference images", "Borderline", "Unlike the reference images")
    )
    assert "Of the 21 calibration images, " in page and "/(21 + 1) = " in page
    assert "computer-drawn pictures" in page
    assert len(running.get("plotly_chart")) == 2
    assert page.count('<section class="nero-concept">') == 8
    assert page.count("<img") == page.count("alt=")


def test_a_mean_relevance_that_few_images_make_is_said_to_be_so(app: Start, monkeypatch: pytest.MonkeyPatch):
    assert not any(
        "make up" in caption.value or "makes up" in caption.value for caption in app(sample="polyps").caption
    )
    original = Explorer.mean_relevance
    monkeypatch.setattr(Explorer, "mean_relevance", lambda self: replace(original(self), id_few_share=0.502))
    captions = [caption.value.replace("\\", "") for caption in app(sample="polyps").caption]
    assert "Beware: 1 of 21 ID images makes up 50 % of this average." in captions


def test_samples_are_buttons_with_names(app: Start):
    running = app()
    keys = [button.key for button in running.button if button.key and button.key.startswith("sample_")]
    assert keys == ["sample_normal-cecum", "sample_normal-z-line", "sample_polyps"]
    running.button(key="sample_normal-z-line").click().run()
    assert running.subheader[0].value.replace("\\", "") == "normal-z-line.jpg"


def test_an_upload_is_shown_by_name_and_never_in_the_url(app: Start):
    running = upload(app(sample="polyps"), ("frame_0412.png", png()))
    no_traceback(running)
    assert running.subheader[0].value.replace("\\", "") == "frame_0412.png"
    assert not running.query_params.get("sample")
    assert "frame" not in json.dumps(dict(running.query_params))


def test_broken_files_are_named_and_the_good_ones_are_scored(app: Start):
    good = [(f"frame_{place:02d}.png", png(seed=place)) for place in range(27)]
    good[5] = ("frame_04.png", good[5][1])
    broken = [("empty.png", b""), ("note.jpg", b"just text"), ("drawing.svg", b"<svg xmlns='x'></svg>")]
    running = upload(app(), *good[:10], *broken, *good[10:])
    no_traceback(running)
    message = running.error[0].value.replace("\\", "")
    assert message.startswith("3 of 30 files cannot be read; the other 27 can.")
    assert all(f"{name}: expected" in message for name, _ in broken)
    assert any("1 of 27" in text.value for text in running.markdown)
    names = running.selectbox(key="file").options
    assert len(names) == len(set(names)) == 27
    assert "frame_04.png (2)" in names
    running.button(key="next_image").click().run()
    no_traceback(running)
    assert any("2 of 27" in text.value for text in running.markdown)
    assert "nero-verdict" in html(running)


def test_only_broken_files_leave_the_page_standing(app: Start):
    running = upload(app(), ("![x](http://evil) <b>.png", b"\x80\x04\x95"))
    no_traceback(running)
    assert "a Python pickle" in running.error[0].value
    assert "![" not in running.error[0].value
    assert running.button(key="try_sample")


def test_a_link_opens_the_same_view(app: Start):
    running = app(
        sample="polyps", view="heatmap", sort="relevance", channel="3", method="msp", accept="90", concepts="4"
    )
    no_traceback(running)
    assert running.segmented_control(key="view").value == "heatmap"
    assert running.number_input(key="channel").value == 3
    page = html(running)
    assert "which 90\u00a0% of reference images pass" in page
    assert page.count('<section class="nero-concept">') == 4 + 1
    assert any("is one number" in caption.value for caption in running.caption)


@pytest.mark.parametrize(("method", "named"), [("knn", "knn"), ("nero_deep", "NERO, all depths"), ("nero", "")])
def test_each_panel_says_whose_explanation_it_is(app: Start, method: str, named: str):
    running = app(sample="polyps", view="evidence", method=method)
    no_traceback(running)
    text = "\n".join(
        [html(running), *(part.value for part in [*running.caption, *running.markdown, *running.subheader])]
    )
    text = text.replace("\\", "")
    assert ("explain NERO's score, not that of" in text) == bool(named)
    assert f"explain NERO's score, not that of {named}" in text or not named
    assert f"<dd>{named or 'NERO'} " in text  # the score line
    assert f"Scores by {named or 'NERO'}." in text
    assert "Missing evidence and counter-evidence**, for NERO" in text
    assert "Concepts that moved NERO's score" in text
    assert "adds to NERO's distance; the contributions" in text


@pytest.mark.parametrize(
    ("view", "composite", "says"),
    [
        ("heatmap", "integrated_gradients", "the map adds up to"),
        ("heatmap", "integrated_gradients", "has no place in the map"),
        ("heatmap", "epsilon_plus", "the map accounts for"),
        ("evidence", "epsilon_plus", "the map accounts for"),
    ],
)
def test_a_map_comes_with_its_conservation_figure(app: Start, view: str, composite: str, says: str):
    running = app(sample="polyps", view=view, composite=composite)
    no_traceback(running)
    assert any(says in caption.value for caption in running.caption)


def test_a_link_to_what_is_not_here_says_so(app: Start):
    running = app(sample="nowhere", bundle="elsewhere")
    no_traceback(running)
    text = " ".join(warning.value for warning in running.warning)
    assert "nowhere" in text
    assert "elsewhere" in text


def test_a_missing_bundle_is_a_sentence_and_another_can_be_chosen(
    app: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "gone"))
    running = app()
    no_traceback(running)
    assert "no such folder" in running.error[0].value
    assert running.selectbox(key="bundle").options == ["gone", "tiny"]
    running.selectbox(key="bundle").select("tiny").run()
    assert not running.error


def test_an_altered_bundle_is_a_sentence(
    app: Start, monkeypatch: pytest.MonkeyPatch, wide_bundle: Path, tmp_path: Path
):
    altered = tmp_path / "altered"
    shutil.copytree(wide_bundle, altered)
    with (altered / "banks.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    monkeypatch.setenv("NERO_BUNDLE", str(altered))
    running = app()
    no_traceback(running)
    assert "altered or cut short" in running.error[0].value


def test_no_bundle_at_all_says_how_to_get_one(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NERO_BUNDLES")
    running = app()
    no_traceback(running)
    assert "make demo" in running.error[0].value.replace("\\", "")


def test_what_nobody_foresaw_is_logged_and_not_shown(
    app: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise RuntimeError("secret of a patient")

    monkeypatch.setattr("nero_core.Inspector.detect", fail)
    running = app(sample="polyps")
    assert not running.exception
    assert "not foreseen" in running.error[0].value
    assert "secret" not in running.error[0].value
    assert "secret of a patient" in caplog.text


def switch(running: AppTest, page: str) -> AppTest:
    return running.switch_page(f"pages/{page}/page.py").run()


def test_files_are_still_here_after_a_visit_to_the_other_page(app: Start):
    running = upload(app(), ("frame.png", png()), ("other.png", png(seed=1)))
    switch(running, "about")
    no_traceback(running)
    switch(running, "screen")
    no_traceback(running)
    assert running.selectbox(key="file").options == ["frame.png", "other.png"]
    assert "nero-verdict" in html(running)
    upload(running, ("frame.png", png(seed=2)))
    assert running.selectbox(key="file").options == ["frame.png", "other.png", "frame.png (2)"]
    running.button(key="remove_files").click().run()
    assert running.subheader[0].value.replace("\\", "") == "frame.png"
    no_traceback(running)


def test_files_that_were_removed_by_hand_do_not_come_back(app: Start):
    running = upload(app(), ("frame.png", png()))
    upload(running)
    assert any("Drop an image above" in text.value for text in running.markdown)


def test_too_many_files_are_a_sentence_and_the_first_are_used(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.components.uploader.MOST_FILES", 2)
    running = upload(app(), *((f"{seed}.png", png(seed=seed)) for seed in range(3)))
    no_traceback(running)
    assert "Expected at most 2 files and 100 MB together. Found 3 files" in running.warning[0].value
    assert running.selectbox(key="file").options == ["0.png", "1.png"]


def test_a_dicom_file_is_its_frames_and_says_nothing_of_the_patient(app: Start, monkeypatch: pytest.MonkeyPatch):
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    running = upload(app(), ("loop.dcm", dicom(frames)), ("frame.png", png()))
    no_traceback(running)
    assert running.selectbox(key="file").options == [*(f"loop.dcm#frame {n}" for n in (1, 2, 3)), "frame.png"]
    assert running.subheader[0].value.replace("\\", "") == "loop.dcm#frame 1"
    assert not any("Secret" in text.value for text in (*running.caption, *running.markdown))
    monkeypatch.setenv("NERO_SHOW_STUDY_TAGS", "1")
    running.run()
    assert any("PatientName Secret" in text.value.replace("\\", "") for text in running.caption)


def test_frames_count_as_files(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dashboard.components.uploader.MOST_FILES", 2)
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    running = upload(app(), ("loop.dcm", dicom(frames)), ("frame.png", png()))
    no_traceback(running)
    assert "Found 4 files; the first 2 are used" in running.warning[0].value
    assert running.selectbox(key="file").options == ["loop.dcm#frame 1", "loop.dcm#frame 2"]


def test_control_characters_do_not_make_two_names_one(app: Start):
    running = upload(app(), ("a\x07.png", png()), ("a.png", png(seed=1)))
    assert running.selectbox(key="file").options == ["a.png", "a.png (2)"]


def test_a_method_that_cannot_fit_leaves_the_rest_standing(app: Start, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise CalibrationError("Expected more images.")

    monkeypatch.setattr("nero_core.Inspector.detect", fail)
    running = app(sample="polyps", view="heatmap")
    assert [error.value for error in running.error] == ["Expected more images\\."]
    assert html(running).count('<section class="nero-concept">') == 8
    assert len(running.get("plotly_chart")) == 1
    assert "nero-picture" in html(running)


def test_another_bundle_brings_its_own_tpr(
    app: Start, monkeypatch: pytest.MonkeyPatch, wide_bundle: Path, tmp_path: Path
):
    other = tmp_path / "other"
    shutil.copytree(wide_bundle, other)
    card = json.loads((other / "bundle.json").read_text())
    card["tpr"] = 0.925
    (other / "bundle.json").write_text(json.dumps(card))
    monkeypatch.setenv("NERO_BUNDLE", str(other))
    running = app(sample="polyps")
    no_traceback(running)
    assert running.select_slider(key="accept").value == 0.925
    assert "which 92.5\u00a0% of reference images pass" in html(running)
    running.select_slider(key="accept").set_value(0.91).run()
    assert "which 91\u00a0% of reference images pass" in html(running)
    running.selectbox(key="bundle").select("tiny").run()
    no_traceback(running)
    assert running.select_slider(key="accept").value == 0.95
    assert not any("default value" in warning.value for warning in running.warning)
    running.selectbox(key="bundle").select("other").run()
    assert running.select_slider(key="accept").value == 0.925


@pytest.mark.parametrize(
    "query",
    [
        *({"channel": value} for value in ("-1", "1e9", "abc", "nan")),
        {"opacity": "foo", "view": "heatmap"},
        {"concepts": "9999"},
        {"accept": "0"},
        {"accept": "99"},
        {"view": "x"},
        {"classes": "<b>"},
        {"bundle": "../.."},
        {"method": "__class__"},
        {"sample": "../../etc/passwd"},
    ],
    ids=str,
)
def test_hostile_links_do_no_harm(app: Start, query: dict[str, str]):
    running = app(**{"sample": "polyps"} | query)
    no_traceback(running)
    assert not running.error
    if "sample" in query:
        assert running.button(key="try_sample")
    else:
        assert "nero-verdict" in html(running)


# the maps: composites, faithfulness, missing evidence


def test_the_heatmap_offers_the_composites_that_suit_and_says_where_relevance_goes(app: Start):
    running = app(sample="polyps", view="heatmap")
    no_traceback(running)
    select = running.selectbox(key="composite")
    assert select.value == "integrated_gradients"
    assert len(select.options) == 5
    before = html(running)
    running.session_state["where_relevance_goes"] = True
    running.run()
    assert not any("Relevance at the output of each block" in caption.value for caption in running.caption)
    select.select("epsilon_gamma_box").run()
    no_traceback(running)
    assert running.query_params["composite"] in ("epsilon_gamma_box", ["epsilon_gamma_box"])
    assert html(running) != before
    assert any("Biases take" in caption.value or "Biases add" in caption.value for caption in running.caption)
    assert any("Relevance at the output of each block" in caption.value for caption in running.caption)
    running.selectbox(key="composite").select("epsilon_plus").run()
    assert running.query_params["composite"] in ("epsilon_plus", ["epsilon_plus"])
    running.selectbox(key="composite").select("integrated_gradients").run()
    assert "composite" not in running.query_params


def test_the_evidence_offers_what_propagates_relevance_and_the_heatmap_keeps_its_own_way(app: Start):
    running = app(sample="polyps", view="evidence", composite="integrated_gradients")
    no_traceback(running)
    select = running.selectbox(key="composite")
    assert select.value == "epsilon_plus" and len(select.options) == 4
    assert not running.warning
    running.segmented_control(key="view").set_value("heatmap").run()
    assert running.selectbox(key="composite").value == "integrated_gradients"
    assert not running.warning


def test_a_link_names_the_composite(app: Start):
    running = app(sample="polyps", view="evidence", composite="epsilon_alpha2_beta1_flat")
    no_traceback(running)
    assert running.selectbox(key="composite").value == "epsilon_alpha2_beta1_flat"
    assert not running.warning


def test_a_link_to_a_composite_that_does_not_suit_says_so(app: Start):
    running = app(sample="polyps", view="heatmap", composite="epsilon")
    no_traceback(running)
    assert running.selectbox(key="composite").value == "integrated_gradients"
    assert "names the composite epsilon, which does not suit" in " ".join(warning.value for warning in running.warning)


def test_one_composite_alone_is_a_text_and_no_choice(app: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nero_core.inspector.Inspector.composites", ("epsilon_plus",))
    running = app(sample="polyps", view="heatmap", composite="epsilon_gamma_box")
    no_traceback(running)
    assert not any(box.key == "composite" for box in running.selectbox)
    assert f"Composite: {COMPOSITES['epsilon_plus'].title}" in [text.value for text in running.markdown]
    assert "does not suit" in " ".join(warning.value for warning in running.warning)


def test_faithfulness_is_measured_on_demand_and_said_in_words(app: Start):
    running = app(sample="polyps", view="heatmap")
    charts = len(running.get("plotly_chart"))
    assert not any("random orders" in text.value for text in running.markdown)
    running.toggle(key="faithfulness").set_value(True).run()
    until(running, lambda: any("random orders" in text.value for text in running.markdown))
    assert len(running.get("plotly_chart")) == charts + 1
    sentence = next(text.value for text in running.markdown if "random orders" in text.value)
    assert sentence.startswith(("Weak", "Faithful here"))
    assert any("By the logit, which never saturates" in text.value for text in running.markdown)
    running.segmented_control(key="view").set_value("image").run()
    assert len(running.get("plotly_chart")) == charts


def test_missing_evidence_is_listed_under_the_evidence_with_reference_images(app: Start):
    running = app(sample="polyps", view="evidence")
    no_traceback(running)
    page = html(running)
    assert page.count('<div class="nero-lacking">') == 1
    rows = page.split('<div class="nero-lacking">')[1].split("</section></div>")[0]
    assert rows.count("<section>") == 4
    assert rows.count("<img") == 16
    assert "more than usual" not in rows
    (says,) = [caption.value for caption in running.caption if "less relevance here than" in caption.value]
    kinds = [("missing evidence<br>", "Missing evidence: "), ("counter-evidence<br>", "Counter-evidence: ")]
    assert sum(rows.count(kind) for kind, _ in kinds) == 4
    for kind, told in kinds:
        assert (kind in rows) == (told in says)
    against = [row for row in rows.split("<section>") if "argues against" in row]
    assert all("counter-evidence<br>" in row and "missing" not in row for row in against)
    assert rows.count(" in the class<br>") == 4
    (whole,) = [text.value for text in running.markdown if "is something missing" in text.value]
    assert "of NERO's distance is something missing" in whole and "is more than usual." in whole
    assert "Of the distances at all depths, less than usual makes" in whole


@pytest.fixture
def patched(app: Start, patched_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """The app over a bundle that keeps patches."""
    monkeypatch.setenv("NERO_BUNDLE", str(patched_bundle))
    return app


def test_where_it_is_unlike_takes_the_place_of_the_evidence(patched: Start):
    running = patched(sample="polyps", view="evidence")
    no_traceback(running)
    page = html(running)
    assert "Where it is unlike the reference images, on polyps.jpg" in page and "beyond what is usual" in page
    assert "distance per pixel" not in page
    assert any(caption.value.startswith("Nothing in this image is unlike") for caption in running.caption)
    assert not any("nero calibrate" in caption.value for caption in running.caption)
    assert page.count('<div class="nero-lacking">') == 1  # what is missing stays, below


def test_its_opacity_can_be_chosen(patched: Start, phantoms: Path):
    def picture(running: AppTest) -> str:
        no_traceback(running)
        return html(running).split('<div class="nero-picture">')[1].split("</div>")[0]

    running = upload(patched(view="evidence"), ("odd.png", png()))
    strong = picture(running)
    assert picture(running.slider(key="opacity").set_value(10).run()) != strong
    assert any("100\u00a0% of this image, 1\u00a0% of usual ones" in caption.value for caption in running.caption)


def test_its_colours_end_at_the_same_value_for_every_image(patched: Start):
    def legend(sample: str) -> str:
        page = html(patched(sample=sample, view="evidence"))
        (part,) = [part for part in page.split('<div class="nero-legend">') if "beyond what is usual" in part]
        return part.split("</span></div>")[0]

    assert legend("polyps") == legend("normal-cecum")


def test_it_needs_no_architecture_with_heatmaps_and_no_backward_pass(patched: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nero_core.inspector.Inspector.composites", ())
    monkeypatch.setattr("nero_core.inspector.Inspector.no_heatmap_because", "Expected layers we know.")
    running = patched(sample="polyps", view="evidence")
    no_traceback(running)
    assert "Where it is unlike the reference images, on polyps.jpg" in html(running)


def test_a_reference_set_without_patches_shows_the_evidence_and_says_why(app: Start):
    running = app(sample="polyps", view="evidence")
    no_traceback(running)
    assert "distance per pixel" in html(running)
    (says,) = [caption.value for caption in running.caption if "patches of the reference images" in caption.value]
    assert "Make it again with nero calibrate" in says


@pytest.mark.parametrize("view", ["heatmap", "evidence"])
def test_an_architecture_without_an_honest_heatmap_says_why_and_keeps_the_rest(
    app: Start, monkeypatch: pytest.MonkeyPatch, view: str
):
    because = "Expected an architecture whose layers we know. Found another."
    monkeypatch.setattr("nero_core.inspector.Inspector.composites", ())
    monkeypatch.setattr("nero_core.inspector.Inspector.no_heatmap_because", because)
    running = app(sample="polyps", view=view, channel="3")
    no_traceback(running)
    assert not running.error
    assert sum("layers we know" in caption.value for caption in running.caption) == 3  # image, concepts, open channel
    assert "nero-verdict" in html(running)
    assert "The image polyps.jpg" in html(running)
    assert ('<div class="nero-lacking">' in html(running)) == (view == "evidence")


def test_what_the_picture_is_like_and_the_similar_images_stand_on_the_page(app: Callable[..., AppTest]) -> None:
    running = app(sample="polyps")
    no_traceback(running)
    assert any(heading.value == "Similar reference images" for heading in running.subheader)
    assert any(
        "by the angle between features" in text.value or "No reference image" in text.value for text in running.caption
    )
