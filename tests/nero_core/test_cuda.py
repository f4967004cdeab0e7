"""What runs on a CUDA card: the numbers of the CPU to the rounding of float32, from bank to heatmap, twice the same."""

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from nero_core import DETECTORS, Explorer, Inspector
from nero_core.calibration import Bundle, calibrate
from nero_core.detectors import build_detector
from nero_core.metrics import aupr, auroc, fpr_at_tpr
from nero_core.models import load_checkpoint
from nero_core.relevance.heatmap import Attributor
from nero_core.training import train
from nero_core.types import Head
from tests.on_devices import VARIANTS, centres, everything, learnt, made, made_references

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")
RTOL = 1e-4  # of scores: float32 in another order


def assert_close(there: object, here: object, rtol: float = RTOL, where: str = "") -> None:
    """The same records, with numbers that differ by rounding: by ``rtol`` of the largest of their tensor."""
    if isinstance(here, Tensor):
        assert isinstance(there, Tensor) and there.dtype == here.dtype and there.shape == here.shape, where
        if not here.is_floating_point():
            assert torch.equal(there.cpu(), here), where
            return
        largest = float(here.nan_to_num().abs().max()) if here.numel() else 0.0
        torch.testing.assert_close(
            there.cpu(), here, rtol=rtol, atol=rtol * largest, equal_nan=True, msg=lambda text: f"{where}: {text}"
        )
    elif is_dataclass(here) and not isinstance(here, type):
        for field in fields(here):
            assert_close(getattr(there, field.name), getattr(here, field.name), rtol, f"{where}.{field.name}")
    elif isinstance(here, Mapping):
        assert there.keys() == here.keys(), where
        for key in here:
            assert_close(there[key], here[key], rtol, f"{where}[{key}]")
    elif isinstance(here, Sequence) and not isinstance(here, str | bytes):
        assert len(there) == len(here), where
        for index, pair in enumerate(zip(there, here, strict=True)):
            assert_close(*pair, rtol, f"{where}[{index}]")
    elif isinstance(here, float):
        assert there == pytest.approx(here, rel=10 * rtol, abs=10 * rtol, nan_ok=True), where
    else:
        assert there == here, where


@pytest.mark.parametrize(("name", "hyper"), VARIANTS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_method_fits_and_scores_as_on_the_cpu(name: str, hyper: Mapping[str, object]) -> None:
    head = Head(centres(), 5 - centres().square().sum(dim=1) / 2)
    (features, labels), (further, _) = made(2), made(3)
    on_card = {key: value.to(CUDA) if isinstance(value, Tensor) else value for key, value in hyper.items()}
    on_cpu = build_detector(name, head, **hyper).fit_features(features, labels)
    there = build_detector(name, head.to(CUDA), **on_card).fit_features(features.to(CUDA), labels.to(CUDA))
    scores = there.predict_features(further.to(CUDA))
    assert_close(scores, on_cpu.predict_features(further))
    assert torch.equal(scores, there.predict_features(further.to(CUDA)))
    loaded = pickle.loads(pickle.dumps(there))
    assert_close(loaded.predict_features(further), on_cpu.predict_features(further))


def test_metrics_are_those_of_the_cpu() -> None:
    inside, outside = torch.rand(50), torch.rand(40) + 0.5
    for figure in (auroc, aupr, fpr_at_tpr):
        assert figure(inside.to(CUDA), outside.to(CUDA)) == pytest.approx(figure(inside, outside), abs=1e-12)


@pytest.fixture
def images(phantoms: Path) -> list[Path]:
    return sorted((phantoms / "ood").rglob("*.jpg"))[:2]


@pytest.fixture
def there(tiny_bundle: Path) -> Inspector:
    return Inspector.load(tiny_bundle, "auto")


def test_a_bundle_inspects_and_explores_as_on_the_cpu(
    there: Inspector, tiny_inspector: Inspector, images: list[Path]
) -> None:
    assert there.device.type == "cuda"
    on_card, on_cpu = everything(there, images), everything(tiny_inspector, images)
    assert on_card.keys() == on_cpu.keys()
    for what in on_cpu:
        assert_close(on_card[what], on_cpu[what], 1e-2 if what in HEATMAPS else 1e-3, what)


HEATMAPS = ("explanations", "blocks", "concept", "faithfulness")


def test_the_same_image_gives_the_same_bits_twice(there: Inspector, images: list[Path]) -> None:
    batch = there.decode(images)
    methods = [name for name in DETECTORS if name not in ("vim", "she")]
    first, second = there.detect(batch, methods), there.detect(batch, methods)
    for name in methods:
        assert torch.equal(first[name].score, second[name].score), name
    for composite in there.composites:
        maps = [there.explain(batch, composite=composite, concepts=2) for _ in range(2)]
        assert torch.equal(maps[0].heatmap, maps[1].heatmap), composite


def test_an_image_alone_scores_as_among_others(there: Inspector, images: list[Path]) -> None:
    batch = there.decode(images)
    alone = there.detect(batch.select(1))["nero"].score[0]
    assert float(there.detect(batch)["nero"].score[1]) == pytest.approx(float(alone), rel=RTOL)


def test_threads_share_an_inspector(there: Inspector, images: list[Path]) -> None:
    batch = there.decode(images)
    wanted = there.detect(batch)["nero"].score, there.explain(batch, concepts=2).heatmap

    def both(_: int) -> tuple[Tensor, Tensor]:
        return there.detect(batch)["nero"].score, there.explain(batch, concepts=2).heatmap

    with ThreadPoolExecutor(4) as pool:
        for score, heatmap in pool.map(both, range(12)):
            assert torch.equal(score, wanted[0]) and torch.equal(heatmap, wanted[1])


def test_the_heatmaps_of_a_transformer_are_those_of_the_cpu() -> None:
    torch.manual_seed(0)
    model = VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=3).eval()
    model.requires_grad_(False)
    pixels, starts = torch.rand(1, 3, 32, 32), torch.randn(2, 24, dtype=torch.float64)
    on_cpu = Attributor(model, (0.5,) * 3, (0.2,) * 3)
    wanted = on_cpu.heatmaps(pixels, starts), on_cpu.blocks(pixels, starts[0])
    on_card = Attributor(model.to(CUDA), (0.5,) * 3, (0.2,) * 3, device=CUDA)
    assert_close((on_card.heatmaps(pixels, starts), on_card.blocks(pixels, starts[0])), wanted, 1e-2)


def test_calibrating_there_makes_the_bundle_of_the_cpu(
    patched_bundle: Path, tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    asked = {"title": "Patched", "allow_reduced_rank": True, "synthetic": True, "references": 0, "patches": 200}
    on_card = calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "there", ood=phantoms / "ood", **asked)
    on_cpu = Bundle.load(patched_bundle)
    assert on_card.classifier.device.type == "cuda"
    for bank in ("fit", "calibration", "ood"):
        card, cpu = getattr(on_card, bank), getattr(on_cpu, bank)
        assert card.ids == cpu.ids
        assert_close(card.features, cpu.features, 1e-3, bank)
    assert on_card.patches.level == pytest.approx(on_cpu.patches.level, rel=0.05)


def test_references_made_there_are_those_of_the_cpu(tiny_bundle: Path) -> None:
    few = torch.zeros(len(Bundle.load(tiny_bundle).fit.features[0]))
    few[:3] = 1
    on_card, on_cpu = (made_references(Bundle.load(tiny_bundle, device), few) for device in (CUDA, "cpu"))
    assert torch.equal(on_card.relevance.images, on_cpu.relevance.images)
    assert_close(on_card.relevance.scales, on_cpu.relevance.scales, 1e-2)


def test_a_head_learns_there_as_on_the_cpu() -> None:
    pixels, labels = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 1, 2, 0, 1, 2])
    on_card, on_cpu = (learnt(device, pixels, labels) for device in (CUDA, torch.device("cpu")))
    assert_close(on_card[0], on_cpu[0], 1e-3)


def test_a_network_learns_there_and_its_checkpoint_is_read_on_the_cpu(phantoms: Path, tmp_path: Path) -> None:
    train(phantoms / "id", tmp_path / "run", arch="test_resnet", epochs=2, size=64, device="cuda", workers=2)
    pixels = torch.rand(2, 3, 64, 64)
    on_card, on_cpu = (load_checkpoint(tmp_path / "run", device)[0].features(pixels) for device in (CUDA, "cpu"))
    assert_close(on_card.cpu(), on_cpu)


def test_the_command_line_scores_there(tiny_bundle: Path, images: list[Path]) -> None:
    there, here = (
        json.loads(subprocess.run(
            [sys.executable, "-m", "nero_core.cli", "score", str(tiny_bundle), str(images[0]), "--json",
             "--device", device],
            capture_output=True, text=True, check=True,
        ).stdout)
        for device in ("cuda", "cpu")
    )  # fmt: skip
    assert_close(there, here, 1e-3)


def test_a_card_that_is_not_there_is_named(tiny_bundle: Path) -> None:
    with pytest.raises(Exception, match="cuda:99"):
        Inspector.load(tiny_bundle, "cuda:99")


def test_what_was_explored_stays_bounded_on_the_card(there: Inspector, images: list[Path]) -> None:
    batch, explorer = there.decode(images), Explorer(there)

    def work() -> int:
        there.explain(batch, concepts=2)
        explorer.faithfulness(batch)
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    work()
    kept = work()
    assert all(work() == kept for _ in range(3))
