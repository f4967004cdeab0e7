"""Two colours to learn, and a classifier that has learnt them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nero_core.training import train
from tests.nero_core.training.material import CLASSES, PER_CLASS, SMALL


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise with a green or a red cast."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name, channel in CLASSES.items():
        (root / name).mkdir()
        for index in range(PER_CLASS):
            pixels = rng.integers(0, 160, (36, 40, 3), dtype=np.uint8)
            pixels[..., channel] += 90
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("finished") / "run"
    train(data, out, **SMALL)
    return out
