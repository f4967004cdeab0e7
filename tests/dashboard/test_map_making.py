"""Maps beside the pages."""

from pathlib import Path
from typing import Literal

import pytest

from dashboard.map_making import MapMaking
from nero_core import Explorer, Inspector
from nero_core.errors import NeroError, RelevanceError
from nero_core.types import RelevanceMap


def test_a_map_is_made_beside_the_page(tiny_bundle: Path):
    explorer = Explorer(Inspector.load(tiny_bundle, "cpu"))
    making = MapMaking(explorer, "pca")
    assert making.wait(60)
    assert making.result().ids == explorer.inspector.bundle.fit.ids


@pytest.mark.parametrize(
    ("error", "said"), [(RelevanceError("Expected more."), "Expected more."), (ValueError("?"), "written to its log")]
)
def test_a_map_that_fails_is_a_sentence(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
):
    def fail(self: Explorer, kind: Literal["pca", "umap"]) -> RelevanceMap:
        raise error

    monkeypatch.setattr(Explorer, "relevance_map", fail)
    making = MapMaking(Explorer(Inspector.load(tiny_bundle, "cpu")), "pca")
    assert making.wait(60)
    with pytest.raises(NeroError, match=said):
        making.result()
    assert making.is_unforeseen == isinstance(error, ValueError)
