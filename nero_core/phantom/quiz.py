"""A quiz of fresh phantoms: a seeded sequence of pictures to judge, ID or OOD, that no reference set has seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nero_core.phantom.drawing import ID_CLASSES, OOD_CLASSES, draw_phantom, encode_phantom

_QUIZ = 0x51  # keeps the quiz's stream of random numbers apart from those of data sets


@dataclass(frozen=True, slots=True)
class QuizCase:
    """One picture to judge.

    Attributes:
        data: JPEG file.
        label: its class.
        is_ood: the answer.
    """

    data: bytes = field(repr=False)
    label: str
    is_ood: bool


def can_be_quizzed(class_names: Sequence[str]) -> bool:
    """Whether these ID classes are the phantom's, so that its OOD classes are OOD to them and the answer is known."""
    return set(class_names) == set(ID_CLASSES)


def quiz_case(seed: int, number: int, size: int = 224) -> QuizCase:
    """The ``number``-th picture of the sequence: ID or OOD by the toss of a coin, then a class, then a drawing.

    Args:
        seed: of the sequence, not negative.
        number: counted from 0.
        size: side in pixels.
    """
    rng = np.random.default_rng([_QUIZ, seed, number])
    is_ood = bool(rng.random() < 0.5)
    names = OOD_CLASSES if is_ood else ID_CLASSES
    label = names[int(rng.integers(len(names)))]
    phantom = draw_phantom(label, int(rng.integers(2**62)), size)
    return QuizCase(encode_phantom(phantom), label, is_ood)
