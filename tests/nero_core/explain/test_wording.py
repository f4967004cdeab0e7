import math

import pytest

from nero_core.explain.wording import cancelling, channel_use


@pytest.mark.parametrize(
    ("relevance", "centroid", "said"),
    [
        (0.31, 0.1, "over-used ×3.1"),
        (0.101, 0.1, "slightly over-used"),
        (0.2, -0.1, "used only here"),
        (0.1, 0.1, "used as much"),
        (0.04, 0.1, "under-used ×0.40"),
        (0.001, 0.1, "missing"),
        (-0.1, 0.1, "turned against"),
        (-0.3, -0.1, "speaks against"),
    ],
)
def test_the_use_of_a_channel_is_said_in_words(relevance: float, centroid: float, said: str):
    assert channel_use(relevance, centroid) == said


@pytest.mark.parametrize(("value", "is_said"), [(1.0, False), (3.0, False), (19.0, True), (math.nan, False)])
def test_only_maps_whose_signs_mostly_cancel_are_said_to(value: float, is_said: bool):
    assert (cancelling(value) != "") == is_said
    assert ("together 19 times" in cancelling(value)) == is_said
