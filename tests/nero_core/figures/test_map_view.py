"""Which part of a map is drawn: without the few points far out, with the rest and this image."""

import numpy as np
import pytest

from nero_core.figures import is_beyond, map_core

POINTS = np.random.default_rng(0).uniform(-1, 1, (300, 2))


def test_a_few_points_far_out_are_left_out_on_their_axis_alone():
    points = POINTS.copy()
    points[:3, 0] = (400.0, -900.0, 70.0)
    low, high = map_core(points)
    assert low == pytest.approx(POINTS.min(axis=0), abs=0.1)
    assert high == pytest.approx(POINTS.max(axis=0), abs=0.1)


def test_a_map_without_such_points_is_drawn_whole():
    low, high = map_core(POINTS)
    np.testing.assert_array_equal(low, POINTS.min(axis=0))
    np.testing.assert_array_equal(high, POINTS.max(axis=0))


@pytest.mark.parametrize(("place", "is_inside"), [(1.4, True), (50.0, False)])
def test_this_image_is_inside_unless_it_lies_as_far_out(place: float, is_inside: bool):
    _, high = map_core(POINTS, np.array([place, 0.0]))
    assert (high[0] >= place) == is_inside


def test_points_that_are_all_alike_are_their_own_core():
    low, high = map_core(np.ones((5, 2)))
    assert low.tolist() == high.tolist() == [1.0, 1.0]


def test_a_point_is_beyond_where_one_axis_says_so():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [1.1, 0.5], [0.5, -0.1]])
    low, high = np.zeros(2), np.ones(2)
    assert is_beyond(points, low, high).tolist() == [False, False, True, True]
    assert [bool(is_beyond(point, low, high)) for point in points] == [False, False, True, True]
