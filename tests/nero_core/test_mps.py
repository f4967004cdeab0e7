"""What runs on an Apple GPU, which has no float64: the same numbers as on the CPU, from bank to heatmap.

The device is a fake, see `tests.fake_mps`: any tensor of float64 on it, and any copy that makes one, is an error.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import torch
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from nero_core import Explorer, Inspector
from nero_core.calibration import Bundle, calibrate
from nero_core.calibration.threshold import conformal_p_values, threshold_at
from nero_core.detectors import build_detector
from nero_core.device import float64, to_like
from nero_core.metrics import aupr, auroc, fpr_at_tpr
from nero_core.relevance.heatmap import Attributor
from nero_core.types import Head
from tests.fake_mps import FakeMps, OnMps
from tests.on_devices import VARIANTS, centres, everything, learnt, made, made_references


@pytest.fixture
def mps() -> Iterator[torch.device]:
    with FakeMps():
        yield torch.device("mps")


def assert_same(on_mps: object, on_cpu: object) -> None:
    """Numbers for numbers the same, and none of them left on the device."""
    assert type(on_mps) is type(on_cpu)
    if isinstance(on_mps, Tensor):
        assert on_mps.dtype == on_cpu.dtype and torch.equal(on_mps.isnan(), on_cpu.isnan())
        assert torch.equal(on_mps.nan_to_num(), on_cpu.nan_to_num())
    elif is_dataclass(on_mps):
        for field in fields(on_mps):
            assert_same(getattr(on_mps, field.name), getattr(on_cpu, field.name))
    elif isinstance(on_mps, Mapping):
        assert on_mps.keys() == on_cpu.keys()
        for key in on_mps:
            assert_same(on_mps[key], on_cpu[key])
    elif isinstance(on_mps, Sequence) and not isinstance(on_mps, str | bytes):
        assert len(on_mps) == len(on_cpu)
        for pair in zip(on_mps, on_cpu, strict=True):
            assert_same(*pair)
    else:
        assert on_mps == on_cpu or on_mps != on_mps  # nan


REFUSED: Mapping[str, Callable[[Tensor], Tensor]] = {
    "a conversion": lambda x: x.double(),
    "another conversion": lambda x: x.to(torch.float64),
    "a copy to the CPU in float64": lambda x: x.to("cpu", torch.float64),
    "a copy to the CPU like a float64 tensor": lambda x: x.to(torch.zeros(1, dtype=torch.float64)),
    "a copy into a float64 tensor": lambda x: torch.zeros(3, dtype=torch.float64).copy_(x),
    "a float64 tensor that comes": lambda x: torch.zeros(3, dtype=torch.float64).to("mps"),
    "a float64 tensor that is made there": lambda x: torch.zeros(3, dtype=torch.float64, device="mps"),
    "a sum in float64": lambda x: x.sum(dtype=torch.float64),
    "a computation with the CPU": lambda x: x + torch.ones(3),
    "numpy": lambda x: x.numpy(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_fake_refuses_what_an_apple_gpu_refuses(mps: torch.device, what: str) -> None:
    x = torch.ones(3).to(mps)
    assert isinstance(x, OnMps) and x.device.type == "mps"
    with pytest.raises((TypeError, RuntimeError), match=r"float64|same device|numpy"):
        REFUSED[what](x)


def test_float64_of_an_apple_gpu_is_on_the_cpu(mps: torch.device) -> None:
    x = torch.rand(3)
    assert_same(float64(x.to(mps)), x.double())
    assert_same(to_like(x.to(mps), torch.zeros(1, dtype=torch.float64)), x.double())
    assert to_like(x, torch.zeros(1).to(mps)).device.type == "mps"


@pytest.mark.parametrize(("name", "hyper"), VARIANTS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_method_fits_and_scores_as_on_the_cpu(mps: torch.device, name: str, hyper: Mapping[str, object]) -> None:
    head = Head(centres(), 5 - centres().square().sum(dim=1) / 2)
    (features, labels), (further, _) = made(2), made(3)
    there = {key: value.to(mps) if isinstance(value, Tensor) else value for key, value in hyper.items()}
    on_cpu = build_detector(name, head, **hyper).fit_features(features, labels)
    on_mps = build_detector(name, head.to(mps), **there).fit_features(features.to(mps), labels.to(mps))
    assert_same(on_mps.predict_features(further.to(mps)), on_cpu.predict_features(further))
    assert_same(on_mps.fitted_settings, on_cpu.fitted_settings)
    for part in ("terms", "distances", "bias_relevance"):
        if hasattr(on_mps, part):
            assert_same(getattr(on_mps, part)(further.to(mps)), getattr(on_cpu, part)(further))
    assert_same(pickle.loads(pickle.dumps(on_mps)).predict_features(further), on_cpu.predict_features(further))


def test_metrics_and_thresholds_are_those_of_the_cpu(mps: torch.device) -> None:
    inside, outside = torch.rand(50), torch.rand(40) + 0.5
    there = inside.to(mps), outside.to(mps)
    for figure in (auroc, aupr, fpr_at_tpr, lambda *pair: fpr_at_tpr(*pair, positive="ood")):
        assert figure(*there) == figure(inside, outside)
    assert threshold_at(there[0]) == threshold_at(inside)
    assert_same(conformal_p_values(there[1], inside.double()), conformal_p_values(outside, inside.double()))


@pytest.fixture
def images(phantoms: Path) -> list[Path]:
    return sorted((phantoms / "ood").rglob("*.jpg"))[:2]


def test_a_bundle_inspects_and_explores_as_on_the_cpu(mps: torch.device, tiny_bundle: Path, images: list[Path]) -> None:
    on_mps, on_cpu = (everything(Inspector.load(tiny_bundle, device), images) for device in ("auto", "cpu"))
    assert_same(on_mps, on_cpu)


def test_the_heatmaps_of_a_transformer_are_those_of_the_cpu(mps: torch.device) -> None:
    torch.manual_seed(0)
    model = VisionTransformer(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=3).eval()
    model.requires_grad_(False)
    pixels, starts = torch.rand(1, 3, 32, 32), torch.randn(2, 24, dtype=torch.float64)
    on_cpu, on_mps = (Attributor(model.to(device), (0.5,) * 3, (0.2,) * 3) for device in ("cpu", mps))
    assert_same(on_mps.heatmaps(pixels, starts), on_cpu.heatmaps(pixels, starts))
    assert_same(on_mps.blocks(pixels, starts[0]), on_cpu.blocks(pixels, starts[0]))
    assert_same(on_mps.upstream_channels(pixels, starts[0]), on_cpu.upstream_channels(pixels, starts[0]))


def test_one_channel_takes_one_column_of_the_bank(mps: torch.device, tiny_bundle: Path) -> None:
    inspector = Inspector.load(tiny_bundle, "mps")
    explorer, fit = Explorer(inspector), inspector.bundle.fit
    inspector.attributor()
    inspector.fit_relevance()
    OnMps.copied.clear()
    explorer.summary(3)
    assert (len(fit),) in OnMps.copied and fit.features.shape not in OnMps.copied


def test_naming_fit_images_asks_the_device_once(mps: torch.device, tiny_bundle: Path) -> None:
    inspector = Inspector.load(tiny_bundle, "mps")
    OnMps.copied.clear()
    assert {inspector.reference_class(one) for one in inspector.bundle.fit.ids} == set(
        inspector.bundle.card.class_names
    )
    assert OnMps.copied == [(inspector.bundle.fit_size,)]


@pytest.mark.parametrize("composite", ["epsilon_plus", "epsilon_gamma_box", "epsilon_alpha2_beta1_flat"])
def test_a_heatmap_does_not_wait_for_the_device_at_every_layer(mps: torch.device, composite: str) -> None:
    waits = []
    for layers in (1, 3):
        torch.manual_seed(0)
        model = ResNet(BasicBlock, [layers] * 4, channels=(8, 8, 8, 8), num_classes=3, stem_width=8).eval().to(mps)
        attributor = Attributor(model.requires_grad_(False), (0.5,) * 3, (0.2,) * 3, composite)
        pixels, starts = torch.rand(1, 3, 32, 32), torch.randn(2, 8)
        OnMps.copied.clear()
        attributor.heatmaps(pixels, starts)
        waits.append(len(OnMps.copied))
    assert waits == [3, 3]  # is the feature map finite, which inputs are negative, the maps


def test_calibrating_there_makes_the_bundle_of_the_cpu(
    mps: torch.device, patched_bundle: Path, tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    asked = {"title": "Patched", "allow_reduced_rank": True, "synthetic": True, "references": 0, "patches": 200}
    on_mps = calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "there", ood=phantoms / "ood", **asked)
    assert on_mps.classifier.device.type == "mps"
    assert on_mps.digest == Bundle.load(patched_bundle).digest  # of the card, which holds those of all files


def test_references_made_there_are_those_of_the_cpu(mps: torch.device, tiny_bundle: Path) -> None:
    few = torch.zeros(len(Bundle.load(tiny_bundle).fit.features[0]))
    few[:3] = 1
    on_mps, on_cpu = (made_references(Bundle.load(tiny_bundle, device), few) for device in ("mps", "cpu"))
    assert bool((on_cpu.relevance.scales[:3] > 0).any())
    assert_same(on_mps, on_cpu)


def test_a_head_learns_there_as_on_the_cpu(mps: torch.device) -> None:
    pixels, labels = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 1, 2, 0, 1, 2])
    on_mps, on_cpu = (learnt(torch.device(device), pixels, labels) for device in ("mps", "cpu"))
    assert_same(on_mps, on_cpu)
