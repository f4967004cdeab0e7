import math

import pytest

from nero_core.figures.numbers import number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3.41, "3.41"),
        (0.0304, "0.0304"),
        (-0.0312, "−0.0312"),
        (-12.345, "−12.3"),
        (1234.0, "1234"),
        (1549.4, "1549"),
        (1.28e-4, "1.28 × 10⁻⁴"),
        (0.0000107, "1.07 × 10⁻⁵"),
        (-1e-9, "−1.00 × 10⁻⁹"),
        (5e-324, "4.94 × 10⁻³²⁴"),
        (math.nan, "not defined"),
        (math.inf, "not defined"),
    ],
)
def test_a_number_has_three_digits_and_a_true_minus(value: float, expected: str):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9.996, "10.0"),
        (9.994, "9.99"),
        (-99.96, "−100"),
        (0.00999999, "0.0100"),
        (0.000499999, "0.000500"),  # of the size from which a number is written out
        (99949.0, "99949"),
        (99995.0, "1.00 × 10⁵"),  # of the size from which it is a power of ten
        (999999.0, "1.00 × 10⁶"),
    ],
)
def test_a_number_that_rounding_makes_longer_keeps_three_digits(value: float, expected: str):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(9.96, "10"), (0.0996, "0.10"), (3.41, "3.4"), (1.26e-6, "1.3 × 10⁻⁶")]
)
def test_a_number_has_as_many_digits_as_are_asked_for(value: float, expected: str):
    assert number(value, 2) == expected
