"""The notes on a picture, in words."""

from dashboard.words import picture_notes, similar
from nero_core.types import PictureMeasure, SimilarCases


def measure(name: str, share_below: float) -> PictureMeasure:
    return PictureMeasure(name, 0.5, 0.1, 0.9, share_below, 381)


def test_what_stands_out_is_listed_by_whom_it_stands_out_from() -> None:
    measures = [measure("light", 0.0), measure("aspect", 1.0), measure("sharpness", 0.003), measure("redness", 0.5)]
    assert picture_notes(measures, (500, 600), (224, 224)) == (
        "The picture is darker and wider than all 381 reference images.",
        "The picture is blurrier than 99 % of the reference images.",
    )


def test_of_many_reference_images_those_that_were_measured_are_named() -> None:
    (note,) = picture_notes([measure("light", 0.0)], (500, 600), (224, 224), whole=900)
    assert note == "The picture is darker than all 381 reference images that were measured."
    (note,) = picture_notes([measure("light", 0.0)], (500, 600), (224, 224), whole=381)
    assert note == "The picture is darker than all 381 reference images."


def test_an_ordinary_picture_has_no_notes_and_a_small_one_is_said_to_be_enlarged() -> None:
    assert picture_notes([measure("light", 0.4)], (224, 300), (224, 224)) == ()
    (note,) = picture_notes([], (64, 300), (224, 224))
    assert note == "It has 300 × 64 pixels and is enlarged to the 224 × 224 that the classifier reads."


def test_none_is_called_similar_where_none_is_near() -> None:
    near = SimilarCases(("a",), ("x",), (0.05,), 0.1, 0.95)
    assert similar(near).startswith("The nearest")
    far = SimilarCases(("a",), ("x",), (0.5,), 0.1, 0.95)
    assert similar(far).startswith("No reference image is similar. The nearest is at a distance of 0.50")
