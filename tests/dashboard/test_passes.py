"""Forward passes of several sessions: the same numbers as alone, on every device, whoever is beside."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from dashboard.resources.passes import OwnThreads, alike, many_wait, observe_together, observed, passes
from dashboard.work.batch_queue import BatchQueue
from nero_core import Inspector
from nero_core.calibration import Bundle
from nero_core.types import ImageBatch, Observation

CPU = torch.device("cpu")
LONG = 60.0  # seconds: more than any of these takes
OTHER = torch.device("cpu", 0)  # unlike CPU, as cuda:1 is unlike cuda


@pytest.fixture
def model(loaded_wide: Bundle) -> Inspector:
    return Inspector(loaded_wide, CPU)


@pytest.fixture
def images(model: Inspector) -> list[ImageBatch]:
    """Three images, each of a session of its own, and two of a fourth."""
    generator = torch.Generator().manual_seed(3)
    sizes = (1, 1, 1, 2)
    return [
        ImageBatch(
            torch.rand((size, 3, *model.bundle.classifier.input_size), generator=generator),
            tuple(f"{session}{place}" for place in range(size)),
            ("image",) * size,
        )
        for session, size in enumerate(sizes)
    ]


def assert_alike(found: Observation, alone: Observation) -> None:
    assert found.ids == alone.ids
    assert found.images is None
    assert found.stages.keys() == alone.stages.keys()
    torch.testing.assert_close(found.features, alone.features, rtol=1e-6, atol=1e-6)
    for name, means in found.stages.items():
        torch.testing.assert_close(means, alone.stages[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("device", [CPU, OTHER], ids=str)
@pytest.mark.parametrize("rows", [1, 8])
def test_images_of_several_sessions_are_observed_as_alone(
    model: Inspector, images: list[ImageBatch], device: torch.device, rows: int
) -> None:
    together = observe_together(device, model, images, rows)
    for found, batch in zip(together, images, strict=True):
        alone = model.observe(batch)
        assert_alike(found, alone)
        for name, detection in model.detect(found, ("nero", "nero_plus")).items():
            expected = model.detect(alone, (name,))[name]
            torch.testing.assert_close(detection.score, expected.score, rtol=1e-6, atol=1e-6)


def test_a_pass_of_a_fixed_size_gives_the_same_bits_whoever_is_beside(
    model: Inspector, images: list[ImageBatch]
) -> None:
    alone = observe_together(CPU, model, images[:1], rows=8)[0]
    beside = observe_together(CPU, model, [images[2], images[0]], rows=8)[1]
    assert torch.equal(alone.features, beside.features)


def test_what_is_kept_of_a_pass_holds_no_other_image(model: Inspector, images: list[ImageBatch]) -> None:
    found = observe_together(CPU, model, images, rows=8)[0]
    assert found.features.untyped_storage().nbytes() == found.features.nbytes


def test_a_card_without_memory_for_a_whole_pass_makes_smaller_ones(
    model: Inspector, images: list[ImageBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, alone = model.bundle.classifier, model.observe(images[0])
    whole = classifier.features_and_stages

    def small(pixels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        if len(pixels) > 1:
            raise torch.OutOfMemoryError
        return whole(pixels)

    monkeypatch.setattr(classifier, "features_and_stages", small)
    with pytest.raises(torch.OutOfMemoryError):
        observe_together(CPU, model, images[:2], rows=8)
    assert_alike(observe_together(CPU, model, images[:1], rows=8)[0], alone)


def test_two_devices_answer_from_one_queue(model: Inspector, images: list[ImageBatch]) -> None:
    with BatchQueue[torch.device, Inspector, ImageBatch, Observation](
        partial(observe_together, rows=8), (CPU, OTHER), at_once=2, wait=0.001, most=4
    ) as queue:
        for batch in images * 2:
            assert_alike(queue.ask(model, batch), model.observe(batch))


def test_the_servers_own_queue_observes_and_has_room(model: Inspector, images: list[ImageBatch]) -> None:
    assert_alike(observed(model, images[0]), model.observe(images[0]))
    assert not many_wait(model)
    assert passes(CPU) is passes(CPU)


def test_who_finds_all_places_taken_waits_and_goes_on_by_himself(
    model: Inspector, images: list[ImageBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, observe, has_begun, gate = OwnThreads(1), model.observe, threading.Event(), threading.Event()

    def slow(batch: ImageBatch) -> Observation:
        has_begun.set()
        assert gate.wait(LONG)
        return observe(batch)

    monkeypatch.setattr(model, "observe", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(own.ask, model, images[0])
        assert has_begun.wait(LONG)
        assert own.is_full
        second = pool.submit(own.ask, model, images[1])
        gate.set()
        assert [first.result(LONG).ids, second.result(LONG).ids] == [images[0].ids, images[1].ids]
    assert not own.is_full


def test_a_pass_that_fails_gives_its_place_back(model: Inspector, images: list[ImageBatch]) -> None:
    own = OwnThreads(1)
    broken = replace(images[0], pixels=images[0].pixels[..., :0, :0])
    with pytest.raises(RuntimeError):
        own.ask(model, broken)
    assert_alike(own.ask(model, images[0]), model.observe(images[0]))


def test_all_gpus_are_used_unless_a_certain_one_is_asked_for() -> None:
    cuda = torch.device("cuda")
    assert alike(cuda, 1) == (cuda,)
    assert alike(cuda, 3) == (cuda, torch.device("cuda", 1), torch.device("cuda", 2))
    assert alike(torch.device("cuda", 1), 3) == (torch.device("cuda", 1),)
