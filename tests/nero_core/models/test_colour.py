"""The colour map against the formula of its docstring, written out slowly."""

import math

import pytest
import torch

from nero_core.models.colour import COLOUR_CHANNELS, colour_map


def test_a_cell_holds_the_mean_and_the_spread_of_the_root_of_its_grains() -> None:
    pixels = torch.rand((2, 3, 24, 16), generator=torch.Generator().manual_seed(0))
    found = colour_map(pixels)
    assert found.shape == (2, COLOUR_CHANNELS, 3, 2)
    grains = pixels.reshape(2, 3, 6, 4, 4, 4).mean(dim=(3, 5)).sqrt()
    torch.testing.assert_close(found[:, :3, 1, 0], grains[:, :, 2:4, 0:2].mean(dim=(2, 3)))
    spreads = []
    for row in (2, 3):
        for column in (0, 1):
            around = grains[:, :, row - 1 : row + 2, max(column - 1, 0) : column + 2].flatten(start_dim=2)
            spreads.append(around.var(dim=2, correction=0).sqrt())
    torch.testing.assert_close(found[:, 3:, 1, 0], torch.stack(spreads).mean(dim=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(30, 45), (8, 9), (3, 224)])
def test_a_rest_at_the_border_is_a_cell_too(height: int, width: int) -> None:
    found = colour_map(torch.full((1, 3, height, width), 0.25))
    assert found.shape == (1, COLOUR_CHANNELS, math.ceil(height / 8), math.ceil(width / 8))
    torch.testing.assert_close(found[:, :3], torch.full_like(found[:, :3], 0.5))
    assert float(found[:, 3:].abs().max()) < 1e-3  # an even image has no texture
