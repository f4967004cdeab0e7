"""The sentence under the verdict: every number in it follows from the record."""

import re
from dataclasses import replace

import pytest
import torch

from nero_core.figures import sentence
from nero_core.figures.numbers import number, percent
from nero_core.types import ClassLimits, Detection

FEW = "At 95 % acceptance they are too few to call any image unlike; 19 would be enough."
NAMES = ("normal-cecum", "normal-pylorus")
COUNTED = re.compile(
    r"Of the (?P<n>\d+) calibration images(?: that the classifier calls (?P<name>[\w-]+))?, "
    r"(?P<count>\d+|none) (?:score|rank)s? as high as this image(?P<two> in one of the two tests)?: "
    r"p = \(1 \+ (?P<c>\d+)\)/\((?P<m>\d+) \+ 1\) = (?P<p>[\d.]+)(?P<least>, the smallest that \d+ images can give)?\. "
    r"(?P<rest>.+)"
)


def found(count: int, n: int = 300, method: str = "knn", **settings: float | ClassLimits) -> Detection:
    p = torch.tensor([(1 + count) / (n + 1)]).double()
    tpr = 0.95
    unit = torch.ones(1).double()
    return Detection(
        method, unit, 0.5, p <= 1 - tpr + 1e-12, p, torch.tensor([1]), unit, n, tpr, **settings
    )  # fmt: skip


def in_class(count: int, n: int, can_reject: bool = True) -> Detection:
    limits = ClassLimits(
        torch.tensor([0.5 if can_reject else torch.inf]).double(),
        torch.tensor([n]),
        torch.tensor([1 / (n + 1)]).double(),
    )
    whole = found(count, n)
    return replace(whole, calibration_size=900, by_class=limits, is_ood=whole.is_ood & can_reject)


@pytest.mark.parametrize(
    ("detection", "verdict", "rest"),
    [
        (found(2), "unlike", "At 95 % acceptance it is unlike."),
        (found(0), "unlike", "At 95 % acceptance it is unlike."),
        (found(20), "borderline", "At 95 % acceptance it passes, at 90 % it would not: borderline."),
        (found(20, borderline=0.95), "like", "At 95 % acceptance it passes: like."),
        (found(50, borderline=0.8), "borderline", "At 95 % acceptance it passes, at 80 % it would not: borderline."),
        (found(150), "like", "At 95 % acceptance it passes, and at 90 % too: like."),
        (found(1, method="verdict", smallest_p=2 / 301), "unlike", "At 95 % acceptance it is unlike."),
        (in_class(1, 97), "unlike", "At 95 % acceptance it is unlike."),
        (
            in_class(0, 12, can_reject=False),
            "borderline",
            f"{FEW} At 90 % it would not pass: borderline.",
        ),
        (
            in_class(0, 5, can_reject=False),
            "like",
            FEW,
        ),
    ],
)
def test_every_number_can_be_computed_from_the_record(detection: Detection, verdict: str, rest: str):
    says = sentence(detection, 0, NAMES).replace("\u00a0", " ")
    read = COUNTED.fullmatch(says)
    assert read is not None, says
    limits, p = detection.limits(0), float(detection.p_value[0])
    n, count = int(read["n"]), int(read["c"])
    assert n == int(read["m"]) == limits.calibration_size
    assert read["count"] == (str(count) if count else "none") and count == detection.as_high(0)
    assert (1 + count) / (n + 1) == pytest.approx(p) and read["p"] == number(p, 2)
    assert (read["name"] is None) == (detection.by_class is None)
    assert read["name"] in (None, NAMES[int(detection.predicted[0])])
    assert (read["two"] is not None) == (detection.detector == "verdict")
    assert (read["least"] is not None) == (p == pytest.approx(limits.smallest_p))
    assert detection.verdict(0) == verdict and read["rest"] == rest
    assert f"{percent(detection.tpr)} acceptance".replace("\u00a0", " ") in rest
