"""Draws made apart from the image."""

import pytest
import torch

from nero_core.training import AUGMENTATIONS
from nero_core.training.variation import draw, one_thread, vary


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_an_image_is_varied_as_the_augmentation_varies_it_and_as_many_numbers_are_drawn(name: str):
    augmentation = AUGMENTATIONS[name]
    images = torch.randint(0, 256, (40, 3, 20, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = [augmentation(image) for image in images]
        state = torch.get_rng_state()
        torch.manual_seed(0)
        drawn = [draw(augmentation) for _ in images]
        assert torch.equal(torch.get_rng_state(), state)
    for image, variation, varied in zip(images, drawn, expected, strict=True):
        assert torch.equal(vary(image, augmentation, variation), varied)


def test_what_is_drawn_travels_without_tensors():
    with torch.random.fork_rng():
        drawn = [draw(AUGMENTATIONS["nero"]) for _ in range(20)]
    values = [value for variation in drawn for _, parameters in variation for value in parameters.values()]
    assert {type(value) for value in values} == {list, float}


def test_threads_are_as_before_also_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before
