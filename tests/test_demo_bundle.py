"""What is shipped keeps what the README says of it."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nero_core import Explorer, Inspector
from nero_core.benchmark import stored_comparison
from nero_core.detectors import METHODS
from nero_core.metrics import auroc
from nero_core.phantom.drawing import CLASSES, ID_CLASSES, OOD_CLASSES, draw_phantom, encode_phantom
from nero_core.types import Unlikeness

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = ROOT / "assets" / "bundles"
SIZES = {"phantom-efficientnet-lite0": 14e6, "phantom-resnet18": 27e6, "phantom-deit": 14e6}  # bytes at most
REFERENCES = 4  # images a channel and order
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture(scope="module", params=SIZES)
def inspector(request: pytest.FixtureRequest) -> Inspector:
    return Inspector.load(BUNDLES / request.param, device="cpu")


def test_these_are_the_bundles_that_are_shipped() -> None:
    assert {path.name for path in BUNDLES.iterdir() if path.is_dir()} == SIZES.keys()


@pytest.mark.parametrize("name", SIZES)
def test_a_bundle_is_small_enough_to_ship(name: str) -> None:
    assert sum(path.stat().st_size for path in (BUNDLES / name).rglob("*") if path.is_file()) <= SIZES[name]


def test_the_default_bundle_shows_where_an_image_is_unlike_and_leaves_a_usual_one_quiet() -> None:
    default = Inspector.load(device="cpu")

    def unlike(name: str) -> Unlikeness:
        return default.unlikeness(default.decode([ROOT / "assets" / "samples" / f"{name}.jpg"]))

    shares = {name: unlike(name).share for name in CLASSES}
    assert max(shares[name] for name in ID_CLASSES) < 0.05
    assert shares["dyed-lifted-polyps"] > 0.05 and shares["dyed-resection-margins"] > 0.05
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert default.unlikeness(default.decode([buffer.getvalue()])).share > 0.9
    side = default.bundle.classifier.input_size[0]
    phantom = draw_phantom("dyed-lifted-polyps", 41_000, side)
    found = default.unlikeness(default.decode([encode_phantom(phantom)]))
    inside = float(found.heatmap[torch.from_numpy(phantom.lesion)].sum() / found.heatmap.sum())
    assert inside > 2 * phantom.lesion.mean()


def test_the_banks_are_large_enough(inspector: Inspector) -> None:
    bundle = inspector.bundle
    assert bundle.card.class_names == ID_CLASSES
    assert set(bundle.card.ood_class_names) == set(OOD_CLASSES)
    assert bundle.fit_size >= 341 and bundle.calibration_size >= 300
    assert bundle.ood is not None and int(bundle.ood.labels.bincount().min()) >= 60


def test_the_task_is_learned_and_not_trivial(inspector: Inspector) -> None:
    numbers = inspector.bundle.card.numbers
    assert numbers["id_accuracy"] >= 0.95
    assert 0.10 <= numbers["msp_fpr95_id_positive"] <= 0.85
    assert {"nero_auroc", "nero_fpr95_id_positive", "msp_auroc"} <= numbers.keys()


def test_it_keeps_how_every_method_does_on_its_own_images(inspector: Inspector) -> None:
    stored = stored_comparison(inspector.bundle)
    assert stored is not None and (stored.id_size, stored.ood_size) == (
        inspector.bundle.calibration_size,
        inspector.bundle.ood_size,
    )
    assert {method.method for method in (*stored.methods, *stored.skipped)} == set(METHODS)
    nero = next(method for method in stored.methods if method.method == "nero")
    scores = inspector.reference_scores("nero")
    assert scores.ood is not None
    assert auroc(scores.calibration, scores.ood) == pytest.approx(nero.pooled.auroc.value, abs=1e-3)


def test_the_card_says_that_the_images_are_drawn(inspector: Inspector) -> None:
    assert inspector.bundle.card.synthetic
    assert any("synthetic" in note for note in inspector.bundle.card.notes)


def test_thresholds_on_the_card_are_those_that_are_used(inspector: Inspector) -> None:
    for name, threshold in inspector.bundle.card.thresholds.items():
        assert inspector.reference_scores(name).threshold == pytest.approx(threshold, rel=1e-4)


def test_most_calibration_images_are_recognised(inspector: Inspector) -> None:
    bank = inspector.bundle.calibration
    predicted = inspector.bundle.classifier.head.logits(bank.features).argmax(dim=1)
    assert float((predicted == bank.labels).double().mean()) >= 0.95


@pytest.mark.parametrize("name", CLASSES)
def test_there_is_a_sample_of_each_class_that_can_be_explained(inspector: Inspector, name: str) -> None:
    """In float32, as people use it. Every block hands on all that reaches it, less what biases take."""
    batch = inspector.decode([ROOT / "assets" / "samples" / f"{name}.jpg"])
    why, rules = inspector.explain(batch, concepts=2), inspector.concept_composites[0]
    assert inspector.default_method() == "verdict"
    propagated = inspector.explain(batch, concepts=0, composite=rules)
    if rules == "epsilon_plus":  # the biases of a transformer take their share
        assert propagated.conservation == pytest.approx(1, abs=0.02)
    if why.path is None:
        assert torch.equal(why.heatmap, propagated.heatmap)
    else:
        assert why.conservation == pytest.approx(1, abs=0.15)
    assert bool(why.heatmap.isfinite().all()) and bool(why.evidence.isfinite().all())
    assert all(inspector.thumbnail(image_id) for concept in why.concepts for image_id in concept.references)
    blocks = inspector.blocks(batch)
    assert len(blocks) > 4 and blocks[-1].name == "pixels"
    assert [block.ratio for block in blocks] == pytest.approx([1.0] * len(blocks), abs=0.05)


def test_the_references_of_every_channel_are_stored_and_are_the_largest_of_the_bank(inspector: Inspector) -> None:
    explorer, fit = Explorer(inspector), inspector.bundle.fit
    if inspector.bundle.card.arch == "tf_efficientnet_lite0":  # 9,000 heatmaps would take an hour: made when asked for
        assert not explorer.has_stored_references
        return
    assert explorer.has_stored_references
    for by, bank in (("relevance", inspector.fit_relevance()), ("activation", fit.features)):
        for channel in range(inspector.bundle.classifier.head.neurons):
            references = explorer.references(channel, by)
            values, rows = bank[:, channel].sort(descending=True, stable=True)
            strongest = rows[:REFERENCES][values[:REFERENCES] > 0]
            assert references.ids == tuple(fit.ids[row] for row in strongest.tolist()), f"channel {channel} by {by}"
            assert references.heatmaps is not None and references.heatmaps.shape == (len(strongest), 16, 16)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = re.sub(
        r"```.*?```|`[^`\n]*`", "", document.read_text(encoding="utf-8"), flags=re.DOTALL
    )  # formulas are no links
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []
