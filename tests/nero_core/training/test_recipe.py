"""Recipes, schedules and augmentations."""

import pytest
import torch

from nero_core.training import AUGMENTATIONS, RECIPES, SCHEDULES


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_an_augmentation_varies_the_image_and_keeps_its_shape_and_dtype(name: str):
    image = torch.arange(3 * 32 * 32, dtype=torch.int64).remainder(256).byte().view(3, 32, 32)
    draws = [AUGMENTATIONS[name](image) for _ in range(8)]
    assert {(varied.shape, varied.dtype) for varied in draws} == {(image.shape, torch.uint8)}
    assert all(torch.equal(varied, image) for varied in draws) == (name == "none")


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_a_schedule_stays_between_zero_and_one(name: str):
    values = [SCHEDULES[name](done / 200) for done in range(201)]
    assert 0 < values[0] <= 1
    assert all(0 <= value <= 1 for value in values)


def test_cosine_warms_up_and_ends_near_zero():
    assert SCHEDULES["cosine"](0.0) < 0.05
    assert SCHEDULES["cosine"](0.05) > 0.95
    assert SCHEDULES["cosine"](1.0) < 1e-6


def test_every_recipe_names_what_there_is():
    for recipe in RECIPES.values():
        assert recipe.schedule in SCHEDULES
        assert recipe.augment in AUGMENTATIONS
