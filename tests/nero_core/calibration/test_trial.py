"""A classifier tried on labelled images: what is right, what guessing would do, and the likely reason."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from nero_core.calibration import Trial, plan_calibration, try_classifier
from nero_core.calibration.calibrate import calibrate
from nero_core.errors import CalibrationError
from nero_core.models import ModelCard, load_checkpoint, save_checkpoint
from tests.conftest import COMMON
from tests.knowing import knowing_checkpoint

NAMES = ("normal-cecum", "normal-pylorus", "normal-z-line")


def trial(confusion: list[list[int]]) -> Trial:
    table = torch.tensor(confusion)
    return Trial(tuple("abcdefghij"[: len(table)]), table, 96, 64, {})


@pytest.mark.parametrize(
    ("confusion", "right", "by_guessing", "is_guessing", "likely_order"),
    [
        ([[20, 0], [0, 20]], 40, 0.5, False, ()),
        ([[0, 20], [20, 0]], 0, 0.5, True, ("b", "a")),
        ([[10, 10], [10, 10]], 20, 0.5, True, ()),
        ([[13, 7], [7, 13]], 26, 0.5, True, ()),  # 65 % of 40: an accident in three of a hundred tries
        ([[20, 0], [20, 0]], 20, 0.5, True, ()),  # one answer to everything
        ([[0, 9, 1], [0, 0, 10], [10, 0, 0]], 0, 1 / 3, True, ("c", "a", "b")),
        ([[9, 1, 0], [0, 1, 9], [0, 9, 1]], 11, 1 / 3, True, ("a", "c", "b")),
        ([[90, 5], [3, 12]], 102, 0.75, False, ()),
    ],
)
def test_what_a_table_of_answers_says(
    confusion: list[list[int]], right: int, by_guessing: float, is_guessing: bool, likely_order: Sequence[str]
):
    one = trial(confusion)
    assert (one.right, one.images) == (right, sum(map(sum, confusion)))
    assert one.by_guessing == pytest.approx(by_guessing, abs=0.01)
    assert one.is_guessing is is_guessing
    assert one.likely_order == tuple(likely_order)


def test_an_order_is_of_outputs_so_that_it_can_be_given_as_it_stands():
    """Images of a are answered by output 2, of b by output 0, of c by output 1: outputs are b, c, a."""
    assert trial([[0, 0, 9], [9, 0, 0], [0, 9, 0]]).likely_order == ("b", "c", "a")


def test_the_most_frequent_mistakes_come_first():
    assert trial([[5, 1, 3], [0, 9, 0], [2, 0, 7]]).mistakes == (("a", "c", 3), ("c", "a", 2), ("a", "b", 1))


@pytest.fixture(scope="module")
def knowing(tiny_checkpoint: Path, phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return knowing_checkpoint(tiny_checkpoint, phantoms / "id", tmp_path_factory.mktemp("knowing") / "checkpoint")


def as_card(knowing: Path, out: Path, **change: object) -> Path:
    classifier, card = load_checkpoint(knowing)
    save_checkpoint(out, classifier.model, ModelCard.model_validate(card.model_dump() | change))
    return out


def test_a_classifier_that_knows_its_classes_passes_on_a_folder_and_on_a_zip(
    knowing: Path, phantoms: Path, tmp_path: Path
):
    archive = shutil.make_archive(str(tmp_path / "id"), "zip", phantoms / "id")
    from_folder, from_zip = (try_classifier(knowing, data, device="cpu") for data in (phantoms / "id", archive))
    assert from_folder.images == 48
    assert from_folder.accuracy > 0.8 and not from_folder.is_guessing
    assert torch.equal(from_folder.confusion, from_zip.confusion)
    assert (from_folder.neurons, from_folder.components) == (96, 64)
    assert from_folder.confusion.sum(dim=1).tolist() == [16, 16, 16]


def test_classes_in_reverse_order_are_noticed_and_the_right_order_is_found(
    knowing: Path, phantoms: Path, tmp_path: Path
):
    out = try_classifier(as_card(knowing, tmp_path / "x", classes=NAMES[::-1]), phantoms / "id", device="cpu")
    assert out.is_guessing
    assert out.likely_order == NAMES
    assert out.right_in_likely_order > 38 > out.right


def test_another_normalisation_is_tried_where_few_are_right(knowing: Path, phantoms: Path, tmp_path: Path):
    card = load_checkpoint(knowing)[1]
    strange = as_card(knowing, tmp_path / "x", mean=(-60.0,) * 3, std=(0.004,) * 3)
    sets = {"its own": (card.mean, card.std), "none": ((0.0,) * 3, (1.0,) * 3)}
    out = try_classifier(strange, phantoms / "id", normalisations=sets, device="cpu")
    assert out.is_guessing and not out.likely_order
    assert out.likely_normalisation == "its own"
    assert not try_classifier(knowing, phantoms / "id", normalisations=sets, device="cpu").elsewhere


def test_of_many_images_some_of_each_class_are_tried(knowing: Path, phantoms: Path):
    assert try_classifier(knowing, phantoms / "id", most=15, device="cpu").confusion.sum(dim=1).tolist() == [5, 5, 5]
    assert try_classifier(knowing, phantoms / "id", most=1, device="cpu").confusion.sum(dim=1).tolist() == [2, 2, 2]


def test_a_plan_is_what_calibration_does(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path):
    plan = plan_calibration(dict.fromkeys(NAMES, 16), 64)
    bundle = calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "b", references=0, **COMMON)
    assert (plan.fit, plan.calibration) == (bundle.fit_size, bundle.calibration_size)
    assert not plan.has_full_rank and plan.images_for_full_rank == 116
    assert plan_calibration(dict.fromkeys(NAMES, 40), 64).has_full_rank


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"a": 30, "b": 1}, "b: expected at least 2"), ({"a": 9, "b": 9}, "at least 19 calibration")],
)
def test_what_calibration_would_refuse_is_refused_by_the_plan(counts: dict[str, int], message: str):
    with pytest.raises(CalibrationError, match=message):
        plan_calibration(counts, 4)
