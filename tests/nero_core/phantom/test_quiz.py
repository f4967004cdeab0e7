"""The quiz: a seeded sequence with the answer known."""

import io

import numpy as np
from PIL import Image

from nero_core.phantom.drawing import ID_CLASSES, OOD_CLASSES
from nero_core.phantom.quiz import can_be_quizzed, quiz_case


def test_a_sequence_is_the_same_each_time_and_each_seed_has_its_own():
    first = [quiz_case(5, number, 48).data for number in range(3)]
    assert first == [quiz_case(5, number, 48).data for number in range(3)]
    assert len({*first, *(quiz_case(6, number, 48).data for number in range(3))}) == 6


def test_the_answer_is_the_class_and_both_answers_come():
    cases = [quiz_case(1, number, 32) for number in range(24)]
    assert all(case.is_ood == (case.label in OOD_CLASSES) for case in cases)
    assert 4 < sum(case.is_ood for case in cases) < 20
    assert np.asarray(Image.open(io.BytesIO(cases[0].data))).shape == (32, 32, 3)


def test_only_the_phantoms_own_classes_have_a_known_answer():
    assert can_be_quizzed(ID_CLASSES)
    assert can_be_quizzed(ID_CLASSES[::-1])
    assert not can_be_quizzed(ID_CLASSES[:2])
    assert not can_be_quizzed(("cat", "dog"))
