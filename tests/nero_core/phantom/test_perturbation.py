"""Laws of the perturbations: nothing at neutral strength, seeded, in bounds, never in place."""

import io

import numpy as np
import pytest
from PIL import Image

from nero_core.errors import ImageError
from nero_core.phantom.drawing import draw_phantom
from nero_core.phantom.perturbation import (
    FILLS,
    LESIONS,
    PERTURBATIONS,
    Lesion,
    Perturbation,
    Rectangle,
    perturb,
)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Wider than high, so that no axis can stand for the other."""
    return np.ascontiguousarray(draw_phantom("normal-cecum", 3, 96).pixels[:80])


def strongest(name: str) -> Perturbation:
    spec = PERTURBATIONS[name]
    return Perturbation(strengths={name: spec.highest if spec.highest != spec.neutral else spec.lowest})


EVERYTHING = [
    *(strongest(name) for name in PERTURBATIONS),
    *(Perturbation(occluded=Rectangle(0.2, 0.3, 0.4, 0.5), fill=fill) for fill in FILLS),
    *(Perturbation(lesion=Lesion(label, size=0.6, seed=2)) for label in LESIONS),
]


def test_nothing_asked_changes_nothing(picture: np.ndarray):
    neutral = {name: spec.neutral for name, spec in PERTURBATIONS.items()}
    for nothing in (
        Perturbation(),
        Perturbation(strengths=neutral),
        Perturbation(occluded=Rectangle(0.5, 0.5, 0.0, 0.0)),
    ):
        assert np.array_equal(perturb(picture, nothing), picture)


@pytest.mark.parametrize("perturbation", EVERYTHING, ids=lambda perturbation: repr(perturbation)[13:60])
def test_each_changes_the_picture_alone_and_the_same_way_each_time(picture: np.ndarray, perturbation: Perturbation):
    before = picture.copy()
    first, second = perturb(picture, perturbation), perturb(picture, perturbation)
    assert first.dtype == np.uint8
    assert first.shape == picture.shape
    assert np.array_equal(first, second)
    assert not np.array_equal(first, before)
    assert np.array_equal(picture, before)


def test_a_result_may_be_written_to_without_touching_the_source(picture: np.ndarray):
    before = picture.copy()
    perturb(picture, Perturbation())[:] = 0
    assert np.array_equal(picture, before)


def test_more_of_it_does_more(picture: np.ndarray):
    def gap(name: str, strength: float) -> float:
        changed = perturb(picture, Perturbation(strengths={name: strength}))
        return float(np.abs(changed.astype(float) - picture).mean())

    for name, weak, strong in (("blur", 0.5, 4.0), ("noise", 3.0, 25.0), ("jpeg", 80.0, 5.0), ("brightness", 0.8, 0.3)):
        assert 0 < gap(name, weak) < gap(name, strong), name


def test_noise_hangs_on_its_seed_and_has_the_deviation_asked_for():
    grey = np.full((64, 80, 3), 128, np.uint8)
    first, other = (perturb(grey, Perturbation(strengths={"noise": 10.0}, seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first, other)
    assert first.astype(float).std() == pytest.approx(25.5, rel=0.05)


def test_hue_turns_red_into_green_and_all_the_way_round():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    turned = perturb(red, Perturbation(strengths={"hue": 120.0}))
    assert turned[0, 0, 1] > 150 > 60 > turned[0, 0, 0]
    assert np.array_equal(*(perturb(red, Perturbation(strengths={"hue": angle})) for angle in (-180.0, 180.0)))


def test_a_half_turn_is_the_picture_upside_down(picture: np.ndarray):
    turned = perturb(picture, Perturbation(strengths={"rotation": 180.0}))
    assert np.abs(turned.astype(int) - picture[::-1, ::-1]).max() <= 1


def test_a_turned_picture_has_no_corner_of_a_new_colour():
    plain = np.full((40, 60, 3), (10, 120, 200), np.uint8)
    assert np.array_equal(perturb(plain, Perturbation(strengths={"rotation": 35.0})), plain)


def test_jpeg_is_the_round_trip_through_the_file(picture: np.ndarray):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=30)
    assert np.array_equal(perturb(picture, Perturbation(strengths={"jpeg": 30.0})), np.asarray(Image.open(buffer)))


def test_an_occluded_rectangle_is_hidden_and_nothing_else(picture: np.ndarray):
    hidden = perturb(picture, Perturbation(occluded=Rectangle(0.5, 0.25, 0.9, 0.5), colour=(0.5, 0.25, 0.0)))
    height, width = picture.shape[:2]
    inside = np.zeros((height, width), bool)
    inside[height // 4 : height * 3 // 4, width // 2 :] = True  # what lies beyond the edge is cut off
    assert (hidden[inside] == (128, 64, 0)).all()
    assert np.array_equal(hidden[~inside], picture[~inside])


def test_a_lesion_lies_where_it_is_put_in_the_size_that_was_asked_for(picture: np.ndarray):
    pasted = perturb(picture, Perturbation(lesion=Lesion("polyps", x=0.5, y=0.5, size=0.5, seed=1)))
    rows, columns = np.nonzero(np.abs(pasted.astype(int) - picture).sum(axis=2) > 6)
    shorter = min(picture.shape[:2])
    assert np.ptp(rows) <= 0.5 * shorter + 2
    assert np.ptp(columns) <= 0.5 * shorter + 2
    assert abs(rows.mean() / picture.shape[0] - 0.5) < 0.1
    assert abs(columns.mean() / picture.shape[1] - 0.5) < 0.1


def test_the_scene_comes_before_the_camera(picture: np.ndarray):
    together = Perturbation(strengths={"rotation": 90.0, "jpeg": 20.0}, occluded=Rectangle(0.0, 0.0, 0.3, 0.3))
    scene = perturb(picture, Perturbation(occluded=Rectangle(0.0, 0.0, 0.3, 0.3)))
    camera = perturb(scene, Perturbation(strengths={"rotation": 90.0}))
    assert np.array_equal(perturb(picture, together), perturb(camera, Perturbation(strengths={"jpeg": 20.0})))


@pytest.mark.parametrize(
    "wrong",
    [
        Perturbation(strengths={"sharpness": 1.0}),
        Perturbation(strengths={"blur": 99.0}),
        Perturbation(strengths={"noise": float("nan")}),
        Perturbation(occluded=Rectangle(-0.1, 0.0, 1.0, 1.0)),
        Perturbation(lesion=Lesion("cat")),
        Perturbation(lesion=Lesion("polyps", size=0.0)),
        Perturbation(lesion=Lesion("polyps", x=2.0)),
        Perturbation(lesion=Lesion("polyps", seed=-1)),
        Perturbation(seed=-1, strengths={"noise": 5.0}),
        Perturbation(occluded=Rectangle(0.0, 0.0, 0.5, 0.5), colour=(0.0, 1.2, 0.0)),
        Perturbation(occluded=Rectangle(0.0, 0.0, 0.5, 0.5), colour=(0.0, float("nan"), 0.0)),
    ],
)
def test_what_is_out_of_range_is_refused_in_a_sentence(picture: np.ndarray, wrong: Perturbation):
    with pytest.raises(ImageError, match=r"Expected .* Found"):
        perturb(picture, wrong)


@pytest.mark.usefixtures("shapes_unchecked")
def test_an_unknown_fill_is_refused_in_a_sentence(picture: np.ndarray):
    with pytest.raises(ImageError, match=r"Expected a fill among mean colour, blurred\. Found 'pink'"):
        perturb(picture, Perturbation(occluded=Rectangle(0.0, 0.0, 0.5, 0.5), fill="pink"))  # type: ignore[arg-type]
