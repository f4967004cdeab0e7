"""A small head, features and labels, of the ``CLASSES``, ``NEURONS`` and ``IMAGES`` that a test file names."""

import pytest
import torch
from torch import Tensor

from nero_core.types import Head


@pytest.fixture
def head(request: pytest.FixtureRequest) -> Head:
    """Random weights."""
    classes, neurons = request.module.CLASSES, request.module.NEURONS
    generator = torch.Generator().manual_seed(0)
    return Head(torch.randn(classes, neurons, generator=generator), torch.randn(classes, generator=generator))


@pytest.fixture
def features(request: pytest.FixtureRequest) -> Tensor:
    """As after a ReLU."""
    return torch.randn(request.module.IMAGES, request.module.NEURONS, generator=torch.Generator().manual_seed(1)).relu()


@pytest.fixture
def labels(request: pytest.FixtureRequest) -> Tensor:
    """Each class in turn."""
    return torch.arange(request.module.IMAGES) % request.module.CLASSES
