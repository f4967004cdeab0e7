"""What the page of a channel says while its readers wait."""

from pathlib import Path

import pytest

from dashboard.pages.explorer.channel_page import _waiting
from nero_core import Inspector


@pytest.mark.parametrize(
    ("bundle", "says"),
    [
        ("referenced_bundle", "Gathering channel 3 and 5 …"),
        ("tiny_bundle", "Tracing channel 3 and 5 in its reference images: this reference set keeps no heatmaps of"),
    ],
)
def test_the_spinner_says_where_references_are_traced_only_now(
    request: pytest.FixtureRequest, bundle: str, says: str
) -> None:
    folder: Path = request.getfixturevalue(bundle)
    assert _waiting(Inspector.load(folder, device="cpu"), [3, 5], None).startswith(says)
