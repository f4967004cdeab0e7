"""The notes on a picture, in words."""

import pytest

from dashboard.words import drawn_text, picture_notes, similar
from nero_core.types import DrawnText, PictureMeasure, SimilarCases


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
    assert similar(near).endswith("near is up to 0.10; of about 5 % of unseen ID images no reference image is so near.")
    far = SimilarCases(("a",), ("x",), (0.5,), 0.1, 0.95)
    assert similar(far).startswith("No reference image is similar. The nearest is at a distance of 0.50")


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 60, 10), "at the upper left"),
        ((10, 95, 70, 105), "at the left"),
        ((240, 180, 300, 200), "at the lower right"),
        ((100, 90, 200, 110), "in the middle"),
        ((100, 0, 200, 10), "at the top"),
        ((0, 190, 300, 200), "at the bottom"),
    ],
)
def test_where_text_is_drawn_is_said_by_the_ninth_of_the_picture(box: tuple[int, int, int, int], place: str) -> None:
    assert drawn_text(DrawnText(box, (200, 300), 8)) == f"Something like text is drawn in the picture, {place}."
