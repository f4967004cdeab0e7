"""Fixtures that several rooms share."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import jaxtyping
import pytest
import torch

from nero_core.calibration import calibrate
from nero_core.models import ModelCard, create_classifier, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms

TINY_SIDE = 64  # pixels
COMMON = {"allow_reduced_rank": True, "synthetic": True, "device": "cpu"}  # of all bundles that tests calibrate

# Tiny networks on machines that run other things besides: the threads of one operation would wait for one another
# longer than they compute.
torch.set_num_threads(1)


@pytest.fixture
def shapes_unchecked() -> Iterator[None]:
    """Lets wrong shapes reach the code, as they would outside the tests, where annotations are not checked."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def disk_with_room() -> Callable[[int], AbstractContextManager[None]]:
    """``with disk_with_room(1000):`` no file takes more bytes; the system refuses the rest as a full disk does."""
    resource = pytest.importorskip("resource")  # Windows has none

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet-10 with random weights and lively batch-norm statistics, in a checkpoint folder."""
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    torch.manual_seed(0)
    classifier = create_classifier("resnet10t", ID_CLASSES, (TINY_SIDE, TINY_SIDE))
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    save_checkpoint(
        folder, classifier.model, ModelCard(arch="resnet10t", classes=ID_CLASSES, input_size=(TINY_SIDE, TINY_SIDE))
    )
    return folder


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few phantoms of every class, as ``id/class/…jpg`` and ``ood/class/…jpg``."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder / "id", per_class=16, size=96, seed=11, classes=ID_CLASSES)
    write_phantoms(folder / "ood", per_class=4, size=96, seed=12, classes=("polyps", "esophagitis"))
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """A real, small bundle: random weights, 48 ID images, 8 OOD images."""
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    # without references, as older bundles are
    calibrate(tiny_checkpoint, phantoms / "id", out, title="Tiny", ood=phantoms / "ood", references=0, **COMMON)
    return out


@pytest.fixture(scope="session")
def referenced_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """The same with reference images of every channel and their heatmaps, two of each kind; no OOD images."""
    out = tmp_path_factory.mktemp("bundles") / "referenced"
    calibrate(tiny_checkpoint, phantoms / "id", out, title="Referenced", references=2, **COMMON)
    return out
