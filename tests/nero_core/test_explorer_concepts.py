"""Channels in depth, with a bundle that keeps references and with one that keeps none."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nero_core import Explorer, Inspector, NeroError
from nero_core.calibration import calibrate
from nero_core.calibration.thumbnail_references import ThumbnailReferences
from nero_core.data.folders import file_digest
from nero_core.errors import BundleError, RelevanceError
from nero_core.explain.concept_depth import receptive_crop
from nero_core.models import Classifier, ModelCard, create_classifier, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES
from nero_core.relevance.coarse import coarse
from nero_core.types import ChannelReferences, ImageBatch


@pytest.fixture(scope="module")
def stored(referenced_inspector: Inspector) -> Explorer:
    return Explorer(referenced_inspector)


@pytest.fixture(scope="module")
def lazy(tiny_inspector: Inspector) -> Explorer:
    return Explorer(tiny_inspector)


@pytest.fixture(scope="module")
def image(stored: Explorer, phantoms: Path) -> ImageBatch:
    return stored.inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:2])


@pytest.fixture(scope="module")
def used(stored: Explorer, image: ImageBatch) -> int:
    """The channel that the second image uses most."""
    return int(stored.inspector.channels(image, 1).relevance.argmax())


def explorer_of(arch: str, images: Path, folder: Path, references: int) -> Explorer:
    """Of a bundle of another architecture, with random weights."""
    torch.manual_seed(0)
    model = create_classifier(arch, ID_CLASSES, (64, 64)).model
    save_checkpoint(folder / "checkpoint", model, ModelCard(arch=arch, classes=ID_CLASSES, input_size=(64, 64)))
    calibrate(
        folder / "checkpoint", images, folder / "out", allow_reduced_rank=True, references=references, device="cpu"
    )
    return Explorer(Inspector.load(folder / "out", device="cpu"))


def test_a_concept_in_depth_agrees_with_the_explanation(stored: Explorer, image: ImageBatch, used: int):
    depth = stored.concept(image, used, index=1)
    why = stored.inspector.explain(image, 1, channels=(used,))
    (concept,) = why.concepts
    torch.testing.assert_close(depth.concept.heatmap, concept.heatmap, rtol=1e-4, atol=1e-7)
    assert (depth.concept.relevance, depth.concept.centroid, depth.concept.contribution, depth.concept.references) == (
        concept.relevance,
        concept.centroid,
        concept.contribution,
        concept.references,
    )
    assert depth.sigma == why.sigma == 12.0
    assert depth.concept.conservation == pytest.approx(float(concept.heatmap.sum()) / concept.relevance, rel=1e-3)
    assert depth.concept.cancellation == pytest.approx(concept.cancellation, rel=1e-3)
    assert depth.crop == receptive_crop(depth.concept.heatmap, 12.0) and depth.composite == why.concept_composite
    assert depth.summary.by_relevance.ids == concept.references[: len(depth.summary.by_relevance.ids)] != ()


def test_an_observation_gives_the_same_concept_without_a_pass_of_the_plain_model(
    stored: Explorer, image: ImageBatch, used: int, monkeypatch: pytest.MonkeyPatch
):
    alone = image.select(1)
    expected, observation = stored.concept(alone, used), stored.inspector.observe(alone)
    again = "the plain model passed the image again"
    monkeypatch.setattr(Classifier, "features_and_stages", lambda *_: pytest.fail(again))
    actual = stored.concept(observation, used)
    assert torch.equal(actual.concept.heatmap, expected.concept.heatmap)
    assert torch.equal(actual.upstream.heatmaps, expected.upstream.heatmaps)
    with pytest.raises(NeroError, match="Expected images, or an observation that keeps them"):
        stored.concept(replace(observation, images=None), used)


def test_what_feeds_a_concept_has_relevance_largest_first_and_its_own_heatmaps(
    stored: Explorer, image: ImageBatch, used: int
):
    upstream = stored.concept(image, used, index=1).upstream
    assert 1 <= len(upstream.channels) == len(upstream.relevance) == len(upstream.heatmaps) <= 5
    strengths = [abs(value) for value in upstream.relevance]
    assert strengths == sorted(strengths, reverse=True) and min(strengths) > 0
    for heatmap, relevance in zip(upstream.heatmaps, upstream.relevance, strict=True):
        assert float(heatmap.sum()) == pytest.approx(relevance, rel=0.05)
    told = zip(
        upstream.heatmaps.double(), upstream.relevance, upstream.conservation, upstream.cancellation, strict=True
    )
    for heatmap, relevance, share, cancels in told:
        assert share == pytest.approx(float(heatmap.sum()) / relevance)
        assert cancels == pytest.approx(float(heatmap.abs().sum()) / abs(relevance))


def test_another_composite_makes_another_heatmap_and_names_itself(stored: Explorer, image: ImageBatch, used: int):
    default, other = stored.inspector.concept_composites[0], stored.inspector.concept_composites[-1]
    first, second = (stored.concept(image, used, 1, composite) for composite in (default, other))
    assert (first.composite, second.composite) == (default, other) and default != other
    assert not torch.allclose(first.concept.heatmap, second.concept.heatmap)
    assert second.summary.by_relevance.composite == default


def test_a_summary_shows_the_channel_in_the_fit_bank(stored: Explorer, used: int):
    summary = stored.summary(used)
    bundle, relevance = stored.inspector.bundle, stored.inspector.fit_relevance()
    assert torch.equal(summary.weights, bundle.classifier.head.weight[:, used])
    assert [len(value) for value in summary.class_relevance] == [9, 9, 9]
    assert float(torch.cat(summary.class_relevance).max()) == summary.by_relevance.values[0]
    assert bundle.ood is None and summary.ood_relevance == ()
    channel, correlation = summary.co_used[0]
    assert correlation == pytest.approx(float(torch.corrcoef(relevance[:, [used, channel]].T)[0, 1]), abs=1e-9)
    assert len(summary.co_used) == 8


@pytest.mark.parametrize("by", ["relevance", "activation"])
def test_lazily_made_references_equal_the_stored_ones_in_ids_and_values(
    stored: Explorer, lazy: Explorer, used: int, by: str
):
    assert stored.has_stored_references and not lazy.has_stored_references
    saved, made = stored.references(used, by), lazy.references(used, by)
    assert len(saved.ids) == 2 and len(made.ids) == 4
    assert made.ids[:2] == saved.ids and made.values[:2] == pytest.approx(saved.values)
    assert made.relevance[:2] == pytest.approx(saved.relevance)
    assert (saved.from_thumbnails, made.from_thumbnails) == (False, True)
    assert saved.composite == made.composite == stored.inspector.concept_composites[0]
    assert saved.heatmaps is not None and made.heatmaps is not None
    assert saved.heatmaps.shape == (2, 16, 16) and made.heatmaps.shape == (4, 16, 16)
    for first, second in zip(saved.heatmaps, made.heatmaps[:2], strict=True):  # blurred by the small picture, no more
        assert float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]) > 0.7


def test_lazily_made_references_sum_to_the_relevance_of_the_image_itself(lazy: Explorer, used: int):
    made = lazy.references(used)
    assert made.heatmaps is not None
    for heatmap, relevance in zip(made.heatmaps, made.relevance, strict=True):
        assert float(heatmap.sum()) == pytest.approx(relevance, rel=0.05)


def test_lazily_made_references_are_kept_up_to_a_bound(lazy: Explorer):
    inspector = lazy.inspector
    shelf = ThumbnailReferences(
        inspector.bundle, inspector.fit_relevance(), inspector.attributor(), count=1, capacity=2
    )
    order = inspector.fit_relevance().amax(dim=0).argsort(descending=True)[:3].tolist()
    first = shelf.of_channel(order[0], "relevance")
    second = shelf.of_channel(order[1], "relevance")
    assert shelf.of_channel(order[0], "relevance") is first
    third = shelf.of_channel(order[2], "relevance")  # the second goes: it was asked for longest ago
    assert shelf.of_channel(order[0], "relevance") is first
    assert shelf.of_channel(order[2], "relevance") is third
    assert shelf.of_channel(order[1], "relevance") is not second


def test_a_channel_that_the_image_does_not_use_has_a_heatmap_of_zero(stored: Explorer, image: ImageBatch):
    features = stored.inspector.observe(image).features[0]
    (unused, *_) = (features == 0).nonzero().flatten().tolist()
    depth = stored.concept(image, unused)
    assert depth.concept.relevance == 0 and not bool(depth.concept.heatmap.any())
    assert depth.crop == (0, 0, *depth.concept.heatmap.shape) and depth.upstream.channels == ()
    assert math.isnan(depth.concept.conservation)  # there is nothing to conserve
    assert math.isnan(depth.concept.cancellation)


def test_a_channel_that_no_fit_image_uses_has_no_references(stored: Explorer, lazy: Explorer):
    dead = int((stored.inspector.bundle.fit.features == 0).all(dim=0).nonzero()[0])
    for explorer in (stored, lazy):
        summary = explorer.summary(dead)
        for references in (summary.by_relevance, summary.by_activation):
            assert (
                references.ids == references.values == ()
                and references.heatmaps is not None
                and len(references.heatmaps) == 0
            )
        assert summary.co_used == ()


@pytest.mark.parametrize(
    "ask",
    [
        lambda explorer, image: explorer.concept(image, 96),
        lambda explorer, image: explorer.concept(image, -1),
        lambda explorer, image: explorer.summary(96),
        lambda explorer, image: explorer.references(96, "relevance"),
    ],
)
def test_a_channel_that_does_not_exist_is_a_plain_sentence(
    stored: Explorer, image: ImageBatch, ask: Callable[[Explorer, ImageBatch], object]
):
    with pytest.raises(NeroError, match=r"channel number from 0 to 95\. Found (96|-1)\. Choose one of the model's"):
        ask(stored, image)


@pytest.mark.usefixtures("shapes_unchecked")
def test_an_image_or_an_order_that_does_not_exist_is_a_plain_sentence(stored: Explorer, image: ImageBatch):
    with pytest.raises(NeroError, match=r"image index from 0 to 1\. Found 2"):
        stored.concept(image, 0, index=2)
    with pytest.raises(NeroError, match=r"by relevance or activation\. Found 'size'"):
        stored.references(0, "size")


@pytest.mark.usefixtures("shapes_unchecked")
def test_an_image_whose_features_are_not_finite_is_a_plain_sentence(stored: Explorer, image: ImageBatch):
    broken = ImageBatch(torch.full_like(image.pixels, torch.nan), image.ids, image.names)
    with pytest.raises(NeroError, match=r"Expected finite features\. Found NaN"):
        stored.concept(broken, 0)


def test_a_missing_small_picture_is_a_plain_sentence(tiny_bundle: Path, tmp_path: Path, used: int):
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))
    card = json.loads((folder / "bundle.json").read_text())
    card["files"] = {name: digest for name, digest in card["files"].items() if not name.startswith("thumbnails/")}
    (folder / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="has no picture"):
        Explorer(Inspector.load(folder, device="cpu")).references(used)


def test_a_small_picture_that_is_none_is_left_out(lazy: Explorer, used: int, monkeypatch: pytest.MonkeyPatch):
    inspector = lazy.inspector
    whole = lazy.references(used)
    plain, broken = inspector.bundle.thumbnail, whole.ids[1]
    monkeypatch.setattr(
        type(inspector.bundle), "thumbnail", lambda _, image_id: b"x" if image_id == broken else plain(image_id)
    )
    made = Explorer(inspector).references(used)
    assert made.ids == (whole.ids[0], *whole.ids[2:]) and made.values == (whole.values[0], *whole.values[2:])
    assert made.heatmaps is not None and whole.heatmaps is not None
    torch.testing.assert_close(made.heatmaps, whole.heatmaps[[0, 2, 3]])
    assert made.conservation == pytest.approx((1.0,) * 3, abs=0.05)


def test_the_channels_of_a_vit_have_references_and_upstream_channels(phantoms: Path, tmp_path: Path):
    explorer = explorer_of("test_vit", phantoms / "id", tmp_path, references=1)
    image = explorer.inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:1])
    channel = int(explorer.inspector.channels(image).relevance.argmax())
    depth = explorer.concept(image, channel)
    assert explorer.has_stored_references and depth.composite == explorer.inspector.concept_composites[0] == "epsilon"
    assert len(depth.upstream.channels) == 5 and bool(depth.concept.heatmap.any())
    actual = depth.summary.by_relevance
    path = next(path for path in (phantoms / "id").rglob("*.jpg") if file_digest(path) == actual.ids[0])
    initial_relevance = torch.zeros(1, explorer.inspector.bundle.classifier.head.neurons, dtype=torch.float64)
    initial_relevance[0, channel] = actual.relevance[0]
    maps = explorer.inspector.attributor().heatmaps(explorer.inspector.decode([path]).pixels, initial_relevance).maps
    assert explorer.inspector.explain(image, concepts=0).sigma == depth.sigma == 6.0  # its patches: 16 pixels
    assert depth.crop == receptive_crop(depth.concept.heatmap, 6.0)
    wanted = coarse(maps, 6.0)
    assert actual.heatmaps is not None and not actual.from_thumbnails
    assert float((actual.heatmaps - wanted).abs().max()) <= 0.01 * float(wanted.abs().max())


def test_an_architecture_without_honest_heatmaps_shows_its_references_without_them(phantoms: Path, tmp_path: Path):
    explorer = explorer_of("test_efficientnet", phantoms / "id", tmp_path, references=0)
    channel = int(explorer.inspector.fit_relevance().amax(dim=0).argmax())
    references: ChannelReferences = explorer.summary(channel).by_relevance
    assert (
        len(references.ids) == 4
        and references.heatmaps is None
        and not references.from_thumbnails
        and references.composite == ""
    )
    image = explorer.inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:1])
    with pytest.raises(RelevanceError, match="No heatmap for this architecture"):
        explorer.concept(image, channel)
