from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.comparison import Comparison
from nero_core import Inspector
from nero_core.errors import NeroError


def test_a_comparison_goes_on_by_itself_and_gives_the_same_result_to_all(comparison_of: Comparison):
    assert comparison_of.is_over
    assert comparison_of.done == comparison_of.total > 10
    assert comparison_of.result() is comparison_of.result()


def test_a_bundle_without_ood_images_gives_a_sentence(tiny_bundle: Path):
    inspector = Inspector.load(tiny_bundle, "cpu")
    inspector.bundle = replace(inspector.bundle, ood=None)
    held = Comparison(inspector)
    assert held.wait(120)
    with pytest.raises(NeroError, match="Expected OOD images"):
        held.result()


def test_something_unforeseen_is_a_sentence_too(caplog: pytest.LogCaptureFixture):
    held = Comparison("no inspector")  # type: ignore[arg-type]
    assert held.wait(120)
    with pytest.raises(NeroError, match="written to its log"):
        held.result()
    assert "unforeseen" in caplog.text
