"""What the description holds."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from nero_core.calibration import Bundle
from nero_core.case_report import LONGEST_TEXT, MOST_CASES, Case, describe_case, describe_report
from nero_core.case_report.similar import similar_cases
from nero_core.data.decode import Picture, decode_image
from nero_core.errors import BundleError, NeroError
from nero_core.explorer import Explorer
from nero_core.figures import DISCLAIMER, SYNTHETIC, UNLIKE, two_tests
from nero_core.inspector import Inspector


def test_it_says_what_the_verdict_of_the_screen_says(inspector: Inspector, picture: Picture, case: Case):
    detection = inspector.detect(inspector.decode([picture]), ("verdict",))["verdict"]
    assert case.verdict == detection.verdict(0)
    assert case.facts[:2] == tuple(two_tests(detection, 0))
    card = inspector.bundle.card
    assert case.predicted == card.class_names[int(detection.predicted[0])]
    assert case.image_id == picture.id


def test_digests_of_bundle_model_and_program_stand_in_it(inspector: Inspector, case: Case):
    facts = dict(describe_report(inspector, [case]).model)
    assert facts["Bundle, sha256"] == inspector.bundle.digest
    assert facts["Weights, sha256"] == inspector.bundle.card.files["model.safetensors"]
    assert facts["Made with"].startswith("nero-dashboard ")
    assert "calibration" in facts["Images"]


def test_limits_are_said_and_that_the_images_were_drawn_where_they_were(inspector: Inspector, case: Case):
    assert {DISCLAIMER, SYNTHETIC} <= set(describe_report(inspector, [case]).limits)
    bundle = inspector.bundle
    taken = Inspector(replace(bundle, card=bundle.card.model_copy(update={"synthetic": False})), torch.device("cpu"))
    assert SYNTHETIC not in describe_report(taken, [case]).limits


def test_a_bundle_with_patches_shows_where_the_image_is_unlike(patched_bundle: Path, picture: Picture, case: Case):
    patched = Inspector(Bundle.load(patched_bundle, "cpu"), torch.device("cpu"))
    shown = describe_case(patched, picture)
    assert [item.title for item in shown.maps] == ["The image", UNLIKE, "Why this class"]
    assert [item.title for item in case.maps] == ["The image", "NERO's evidence", "Why this class"]
    assert "nero calibrate" in case.maps[1].caption  # why another map stands in


def test_a_single_method_has_no_lines_of_two_tests(tiny_inspector: Inspector, picture: Picture):
    facts = dict(describe_case(tiny_inspector, picture, method="nero").facts)
    assert facts["Method"] == "nero"
    assert "NERO, all depths" not in facts


def test_the_similar_images_are_those_of_the_explorer_with_their_pictures(
    inspector: Inspector, picture: Picture, case: Case
):
    found = Explorer(inspector).similar(inspector.observe(inspector.decode([picture])))
    assert case.similar is not None and found.is_near
    told = [(item.name, item.distance) for item in case.similar.neighbours]
    assert told == [(name, f"{distance:.2f}") for name, distance in zip(found.classes, found.distances, strict=True)]
    for item in case.similar.neighbours:
        with Image.open(io.BytesIO(item.picture)) as shown:
            assert shown.format == "JPEG"


def test_no_image_is_called_similar_where_none_is_near_and_a_lost_picture_is_one_less(
    inspector: Inspector, picture: Picture, monkeypatch: pytest.MonkeyPatch
):
    observed = inspector.observe(inspector.decode([picture]))
    opposite = replace(observed, features=-observed.features)
    told = similar_cases(Explorer(inspector), opposite)
    assert told.neighbours == () and told.says.startswith("No reference image is similar.")
    monkeypatch.setattr(inspector, "thumbnail", lost)
    assert [item.picture for item in similar_cases(Explorer(inspector), observed).neighbours] == [b""] * 5


def lost(image_id: str) -> bytes:
    raise BundleError(f"Expected a picture of {image_id}. Found none.")


def test_a_text_that_is_too_long_is_refused(inspector: Inspector, picture: Picture):
    with pytest.raises(NeroError, match=rf"at most {LONGEST_TEXT} characters.*Found {LONGEST_TEXT + 1}"):
        describe_case(inspector, picture, text="x" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize("count", [0, MOST_CASES + 1])
def test_no_case_or_too_many_are_refused(inspector: Inspector, case: Case, count: int):
    with pytest.raises(NeroError, match=rf"Expected 1 to {MOST_CASES} images.*Found {count}"):
        describe_report(inspector, [case] * count)


def test_an_unknown_composite_is_an_error_and_no_reason_to_go_without(inspector: Inspector, picture: Picture):
    with pytest.raises(NeroError, match="nonsense"):
        describe_case(inspector, picture, composite="nonsense")


def test_a_wide_frame_is_kept_in_its_aspect(inspector: Inspector, phantoms: Path):
    picture = decode_image(next((phantoms / "id").glob("*/*.jpg")))
    wide = replace(picture, pixels=picture.pixels[:48])
    assert [item.aspect for item in describe_case(inspector, wide).maps] == [2.0] * 3
