"""What is kept is what was computed, or it is computed again."""

from pathlib import Path

import pytest
import torch

from nero_core.benchmark.cache import FEATURES, ObservationCache
from nero_core.calibration.bundle import Bundle

IDS = ["a" * 64, "b" * 64, "c" * 64]
VALUES = torch.arange(12, dtype=torch.float32).reshape(3, 4)


@pytest.fixture
def cache(tmp_path: Path) -> ObservationCache:
    return ObservationCache(tmp_path / "cache", {"model": "m", "input_size": [64, 64]})


def only_file(cache: ObservationCache) -> Path:
    (path,) = cache.folder.iterdir()
    return path


def test_values_come_back_as_they_were(cache: ObservationCache) -> None:
    assert cache.load(FEATURES, IDS, 4) is None
    cache.save(FEATURES, IDS, VALUES)
    features = cache.load(FEATURES, IDS, 4)
    assert features is not None
    assert torch.equal(features, VALUES)
    scores = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    cache.save("msp", IDS, scores)
    cached_scores = cache.load("msp", IDS, None)
    assert cached_scores is not None
    assert torch.equal(cached_scores, scores)


@pytest.mark.parametrize(
    "change", [{"model": "other"}, {"input_size": [32, 32]}, {"made_with": {"torch": "0"}}, {"device": "cuda"}]
)
def test_another_model_preprocessing_or_library_finds_nothing(
    cache: ObservationCache, change: dict[str, object]
) -> None:
    cache.save(FEATURES, IDS, VALUES)
    assert ObservationCache(cache.folder, {**cache.settings, **change}).load(FEATURES, IDS, 4) is None
    assert ObservationCache(cache.folder, cache.settings).load(FEATURES, IDS, 4) is not None


def test_other_images_or_another_order_find_nothing(cache: ObservationCache) -> None:
    cache.save(FEATURES, IDS, VALUES)
    assert cache.load(FEATURES, ["d" * 64, *IDS[1:]], 4) is None
    assert cache.load(FEATURES, IDS[::-1], 4) is None
    assert cache.load(FEATURES, IDS[:2], 4) is None


def test_a_file_cut_short_is_not_trusted(cache: ObservationCache) -> None:
    cache.save(FEATURES, IDS, VALUES)
    path = only_file(cache)
    whole = path.read_bytes()
    for length in (0, 4, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert cache.load(FEATURES, IDS, 4) is None, length


def test_a_single_altered_bit_is_not_trusted(cache: ObservationCache) -> None:
    cache.save(FEATURES, IDS, VALUES)
    path = only_file(cache)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    assert cache.load(FEATURES, IDS, 4) is None


def test_a_file_under_the_name_of_another_is_not_trusted(cache: ObservationCache) -> None:
    cache.save(FEATURES, IDS, VALUES)
    data = only_file(cache).read_bytes()
    only_file(cache).unlink()
    cache.save(FEATURES, IDS[::-1], VALUES)
    only_file(cache).write_bytes(data)
    assert cache.load(FEATURES, IDS[::-1], 4) is None


def test_the_key_of_a_bundle_names_its_model_and_preprocessing(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(tiny_bundle)
    settings = ObservationCache.for_bundle(tmp_path, bundle).settings
    assert settings["model"] == bundle.card.files["model.safetensors"]
    assert settings["input_size"] == [64, 64]
    assert settings["mean"] == list(bundle.classifier.mean)
    assert {"torch", "timm", "pillow"} <= settings["made_with"].keys()
