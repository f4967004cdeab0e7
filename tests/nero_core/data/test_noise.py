"""Blurred noise images."""

import pytest
import torch

from nero_core.data.noise import noise_images


def test_a_seed_gives_the_same_images_and_another_gives_others() -> None:
    assert torch.equal(noise_images(3, (32, 32), seed=4), noise_images(3, (32, 32), seed=4))
    assert not torch.equal(noise_images(3, (32, 32), seed=4), noise_images(3, (32, 32), seed=5))


def test_the_first_images_do_not_depend_on_how_many_are_made() -> None:
    assert torch.equal(noise_images(5, (32, 24))[:2], noise_images(2, (32, 24)))


def test_pixels_are_rgb_from_0_to_1() -> None:
    images = noise_images(4, (40, 56))
    assert images.shape == (4, 3, 40, 56)
    assert images.dtype == torch.float32
    assert float(images.min()) >= 0 and float(images.max()) <= 1


def test_neighbouring_pixels_are_alike() -> None:
    """Correlated by the blur, where plain noise is not."""
    images = noise_images(4, (224, 224)) - 0.5
    beside = (images[..., 1:] * images[..., :-1]).mean() / images.square().mean()
    assert 0.5 < float(beside) < 1


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 7)])
def test_small_sizes_are_made_too(size: tuple[int, int]) -> None:
    assert noise_images(2, size).shape == (2, 3, *size)


def test_no_images_are_an_empty_batch() -> None:
    assert noise_images(0, (8, 8)).shape == (0, 3, 8, 8)
