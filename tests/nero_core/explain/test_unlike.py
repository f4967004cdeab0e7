"""Where an image is unlike, as the Inspector gives it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nero_core import Bundle, Inspector
from nero_core.errors import NeroError
from nero_core.relevance.smoothing import smooth


@pytest.fixture(scope="module")
def inspector(patched_bundle: Path) -> Inspector:
    return Inspector.load(patched_bundle, "cpu")


def test_the_share_is_what_lies_above_the_level_of_the_map_as_it_is_shown(inspector: Inspector, phantoms: Path) -> None:
    batch = inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:3])
    found = [inspector.unlikeness(batch, index) for index in range(3)]
    for unlike, image_id in zip(found, batch.ids, strict=True):
        assert unlike.id == image_id and unlike.heatmap.shape == inspector.bundle.classifier.input_size
        assert float(unlike.heatmap.min()) >= 0
        assert unlike.share == np.mean(smooth(unlike.heatmap, unlike.sigma) > unlike.level)
        assert unlike.stages == tuple(inspector.bundle.patches.stages)  # type: ignore[union-attr]


def test_what_is_pasted_into_an_image_is_where_it_is_unlike(inspector: Inspector, phantoms: Path) -> None:
    batch = inspector.decode([next((phantoms / "id").rglob("*.jpg"))])
    side = batch.pixels.shape[-1]
    pixels = batch.pixels.clone()
    corner = slice(side // 8, side // 2)
    stripes = (torch.arange(side) % 4 < 2).float()[corner]
    pixels[:, :, corner, corner] = torch.stack([stripes, 1 - stripes, stripes]).view(1, 3, 1, -1)
    plain, pasted = inspector.unlikeness(batch), inspector.unlikeness(replace(batch, pixels=pixels))
    assert pasted.share > plain.share
    inside = float(pasted.heatmap[corner, corner].sum() / pasted.heatmap.sum())
    assert inside > 2 * (side // 2 - side // 8) ** 2 / side**2  # twice its area


def test_the_explanation_carries_the_map_as_its_evidence(inspector: Inspector, phantoms: Path) -> None:
    observation = inspector.observe(inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:2]))
    why = inspector.explain(observation, index=1, concepts=1)
    assert why.unlike is not None and torch.equal(why.evidence, why.unlike.heatmap)
    torch.testing.assert_close(why.evidence, inspector.unlikeness(observation, 1).heatmap)
    assert not torch.equal(why.evidence, why.nero_evidence)
    without = inspector.explain(observation, index=1, concepts=1, with_unlikeness=False)
    assert without.unlike is None and torch.equal(without.heatmap, why.heatmap)


def test_a_bundle_without_patches_says_so_and_its_evidence_is_neros(loaded_tiny: Bundle, phantoms: Path) -> None:
    inspector = Inspector(loaded_tiny, torch.device("cpu"))
    batch = inspector.decode([next((phantoms / "ood").rglob("*.jpg"))])
    assert "Make it again with nero calibrate" in inspector.no_unlikeness_because
    with pytest.raises(NeroError, match="patches of the reference images"):
        inspector.unlikeness(batch)
    why = inspector.explain(batch, concepts=1)
    assert why.unlike is None and torch.equal(why.evidence, why.nero_evidence)


def test_what_the_map_cannot_be_made_of_is_refused(inspector: Inspector, phantoms: Path) -> None:
    observation = inspector.observe(inspector.decode([next((phantoms / "ood").rglob("*.jpg"))]))
    with pytest.raises(NeroError, match="the map needs the pixels"):
        inspector.unlikeness(replace(observation, images=None))
    with pytest.raises(NeroError, match="index"):
        inspector.unlikeness(observation, 1)
