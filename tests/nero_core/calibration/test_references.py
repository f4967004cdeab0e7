"""References of every channel: the right images, the right values, and heatmaps of these images."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nero_core.calibration import Bundle
from nero_core.calibration.references import References, make_references
from nero_core.data.folders import file_digest, iterate_batches
from nero_core.errors import CalibrationError
from nero_core.explain.references import most_relevant
from nero_core.inspector import Inspector
from nero_core.relevance.coarse import coarse
from nero_core.relevance.concept import conditions
from nero_core.relevance.heatmap import Attributor, Heatmaps
from nero_core.relevance.strongest import strongest_images
from nero_core.types import ImageBatch


@pytest.fixture(scope="module")
def inspector(referenced_inspector: Inspector) -> Inspector:
    return referenced_inspector


@pytest.fixture(scope="module")
def references(inspector: Inspector) -> References:
    assert inspector.bundle.references is not None
    return inspector.bundle.references


@pytest.fixture(scope="module")
def images(inspector: Inspector, phantoms: Path) -> dict[str, ImageBatch]:
    """The fit images from their files, by id, in the bank's order."""
    paths = {file_digest(path): path for path in (phantoms / "id").rglob("*.jpg")}
    bundle = inspector.bundle
    return {image_id: inspector.decode([paths[image_id]]) for image_id in bundle.fit.ids}


def test_the_strongest_images_are_the_sorted_column_above_zero():
    values = torch.tensor([[0.5, -1.0, 0.0], [2.0, 3.0, 0.0], [0.5, 1.0, -4.0], [-1.0, 0.0, 0.0]])
    assert strongest_images(values, 3).tolist() == [[1, 0, 2], [1, 2, -1], [-1, -1, -1]]
    assert strongest_images(values, 9).shape == (3, 4)


@pytest.mark.parametrize("by", ["relevance", "activation"])
def test_ids_and_values_are_those_of_the_banks_sorted_column(inspector: Inspector, references: References, by: str):
    bank, relevance = inspector.bundle.fit, inspector.fit_relevance()
    column = {"relevance": relevance, "activation": bank.features.double()}[by]
    assert references.composite == inspector.concept_composites[0]
    lengths = set()
    for channel in range(bank.features.shape[1]):
        selection = references.of_channel(channel, by, bank.ids, relevance[:, channel], bank.features[:, channel])
        ids, values = most_relevant(column[:, channel], bank.ids, 2)
        positive = sum(value > 0 for value in values)
        assert selection.ids == ids and selection.values == values and len(ids) == positive
        assert selection.relevance == tuple(
            float(relevance[bank.ids.index(image_id), channel]) for image_id in selection.ids
        )
        assert selection.heatmaps is not None and len(selection.heatmaps) == positive and not selection.from_thumbnails
        lengths.add(positive)
    assert lengths == {0, 2} or lengths == {0, 1, 2}  # dead channels are among them


@pytest.mark.parametrize("by", ["relevance", "activation"])
def test_each_heatmap_is_the_conditional_heatmap_of_its_own_image(
    inspector: Inspector, references: References, images: dict[str, ImageBatch], by: str
):
    bank, relevance = inspector.bundle.fit, inspector.fit_relevance()
    attributor = inspector.attributor()
    checked = 0
    for channel in range(0, bank.features.shape[1], 37):
        selection = references.of_channel(channel, by, bank.ids, relevance[:, channel], bank.features[:, channel])
        for position, image_id in enumerate(selection.ids):
            initial_relevance = conditions(relevance[bank.ids.index(image_id)], [channel])
            heatmaps = attributor.heatmaps(images[image_id].pixels, initial_relevance)
            wanted = coarse(heatmaps.maps, attributor.sigma)[0].float()
            assert selection.heatmaps is not None
            step = float(wanted.abs().max()) / 126
            assert float((selection.heatmaps[position] - wanted).abs().max()) <= 1.01 * step + 1e-9
            conserved = float(heatmaps.conservation[0]) * selection.relevance[position]
            assert float(selection.heatmaps[position].sum()) == pytest.approx(conserved, abs=step + 1e-6)
            checked += selection.relevance[position] != 0
            assert selection.conservation[position] == pytest.approx(
                float(selection.heatmaps[position].double().sum()) / selection.relevance[position], nan_ok=True
            )
    assert checked >= 5


def test_many_channels_of_one_image_go_in_parts(
    inspector: Inspector, images: dict[str, ImageBatch], monkeypatch: pytest.MonkeyPatch
):
    bank = inspector.bundle.fit
    relevance = torch.zeros(len(bank), bank.features.shape[1], dtype=torch.float64)
    relevance[0] = 0.1
    sizes: list[int] = []
    plain = Attributor.heatmaps

    def heatmaps(self: Attributor, pixels: torch.Tensor, initial_relevance: torch.Tensor) -> Heatmaps:
        sizes.append(len(initial_relevance))
        return plain(self, pixels, initial_relevance)

    monkeypatch.setattr(Attributor, "heatmaps", heatmaps)
    make_references(inspector.attributor(), batches_of(images), bank.ids, relevance, torch.zeros_like(relevance), 1)
    assert sizes == [64, 32]


def batches_of(images: dict[str, ImageBatch]) -> Iterator[ImageBatch]:
    yield from images.values()


def test_progress_counts_heatmaps_up_to_their_number(inspector: Inspector, images: dict[str, ImageBatch]):
    bank, relevance = inspector.bundle.fit, inspector.fit_relevance()
    few = torch.zeros_like(relevance)
    few[:, :3] = relevance[:, :3].abs() + 0.1
    heard: list[tuple[int, int]] = []
    made = make_references(
        inspector.attributor(),
        batches_of(images),
        bank.ids,
        few,
        torch.zeros_like(few),
        2,
        lambda *told: heard.append(told),
    )
    assert heard[-1] == (6, 6) and [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert int((made.relevance.images >= 0).sum()) == 6 and int((made.activation.images >= 0).sum()) == 0
    assert made.composite == inspector.concept_composites[0]


def test_an_image_that_cannot_be_explained_is_left_out(inspector: Inspector, images: dict[str, ImageBatch]):
    bank = inspector.bundle.fit
    relevance = torch.zeros(len(bank), bank.features.shape[1], dtype=torch.float64)
    relevance[:3, 7] = torch.tensor([2.0, torch.inf, 1.0])
    made = make_references(
        inspector.attributor(), batches_of(images), bank.ids, relevance, torch.zeros_like(relevance), 3
    )
    assert made.relevance.images[7].tolist() == [-1, 0, 2]
    selection = made.of_channel(7, "relevance", bank.ids, relevance[:, 7], bank.features[:, 7])
    assert selection.ids == (bank.ids[0], bank.ids[2]) and selection.values == (2.0, 1.0)


@pytest.mark.parametrize("change", ["another", "fewer", "more"])
def test_images_that_are_not_those_of_the_bank_are_refused(
    inspector: Inspector, images: dict[str, ImageBatch], change: str
):
    bank, batches = inspector.bundle.fit, list(images.values())
    relevance = torch.zeros(len(bank), bank.features.shape[1], dtype=torch.float64)
    changed = {"another": [batches[1], *batches[1:]], "fewer": batches[:-1], "more": [*batches, batches[0]]}[change]
    with pytest.raises(CalibrationError, match=r"Expected the .*fit images.* Calibrate again"):
        make_references(inspector.attributor(), changed, bank.ids, relevance, relevance, 1)


def test_images_are_read_as_they_were_observed(inspector: Inspector, phantoms: Path, images: dict[str, ImageBatch]):
    """The batches that calibrate reads give the very features of the bank."""
    bundle: Bundle = inspector.bundle
    paths = {file_digest(path): path for path in (phantoms / "id").rglob("*.jpg")}
    batch = next(iterate_batches([paths[image_id] for image_id in bundle.fit.ids], bundle.classifier.input_size, 8))
    torch.testing.assert_close(bundle.classifier.observe(batch).features, bundle.fit.features[:8], rtol=1e-4, atol=1e-5)
    assert torch.equal(batch.pixels[0], images[bundle.fit.ids[0]].pixels[0])
