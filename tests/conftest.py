"""Fixtures that several rooms share."""

# ruff: noqa: E402  what comes first must hold for the imports
import gc

gc.disable()  # until all is imported: it looks through a million objects again and again, and frees none

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

# The check of shapes compiles again whatever a module of ours is the first to import: so these come before.
import beartype.claw  # noqa: F401
import jaxtyping
import matplotlib.figure  # noqa: F401
import numpy as np
import pydantic.main  # noqa: F401
import pytest
import pytorch_ood  # noqa: F401
import timm  # noqa: F401
import torch
from filelock import FileLock
from PIL import Image
from typer.testing import CliRunner
from xdist.remote import Producer

from nero_core.calibration import Bundle, calibrate
from nero_core.cli.app import app as nero
from nero_core.inspector import Inspector
from nero_core.models import ModelCard, create_classifier, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from tests import postgresql as server
from tests.free_disk import pytest_runtest_makereport, pytest_sessionstart  # noqa: F401  pytest calls them
from tests.together import Together
from tests.warm_process import WarmProcesses

TINY_SIDE = 64  # pixels
COMMON = {"allow_reduced_rank": True, "synthetic": True, "device": "cpu"}  # of all bundles that tests calibrate

# Tiny networks on machines that run other things besides: the threads of one operation would wait for one another
# longer than they compute.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes that tests start
os.environ.setdefault("NERO_JOB_NICE", "0")  # what a test waits for does not stand back behind other tests
os.environ.setdefault("NUMBA_OPT", "0")  # UMAP's kernels are compiled a third faster, and find the same

LONG = ("test_demo_bundle.py", "test_makefile.py")
MadeOnce = Callable[[str, Callable[[Path], object]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file of more than a minute is begun first: a process that came to it last would go on when others are done."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    """In the place of ``--dist loadfile``."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """What is imported stays: nobody looks for garbage in it."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """The interpreter takes itself apart as ever."""
    gc.unfreeze()


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
def postgresql() -> Iterator[server.PostgreSQL]:
    """A local PostgreSQL: where none is installed, a failure where CI is set and a visible skip elsewhere."""
    if server.find("initdb") is None or server.find("postgres") is None:
        (pytest.fail if os.environ.get("CI", "").lower() in ("1", "true") else pytest.skip)(server.INSTALL)
    with server.PostgreSQL() as running:
        yield running


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes that share the tests of a run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def warm(shared: Path) -> Iterator[WarmProcesses]:
    """``warm.run("-m", "nero_core.cli", "score", …)``: processes that find PyTorch imported."""
    processes = WarmProcesses(shared)
    yield processes
    processes.close()


@pytest.fixture(scope="session")
def made_once(shared: Path) -> MadeOnce:
    """``made_once(name, make)`` is a folder that ``make`` fills, once in a run, for all processes that share its tests.

    No test writes into it.
    """

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        whole, part = shared / name, shared / f"{name}.part"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():
                part.mkdir()
                make(part)
                part.rename(whole)
        return whole

    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(made_once: MadeOnce) -> Path:
    """A ResNet of four blocks and 96 channels, with random weights, in a checkpoint folder."""
    return made_once("tiny", partial(_save_lively, arch="test_resnet")) / "checkpoint"


@pytest.fixture(scope="session")
def wide_checkpoint(made_once: MadeOnce) -> Path:
    """A ResNet-10: 512 channels, of which pages show more than one page."""
    return made_once("wide", partial(_save_lively, arch="resnet10t")) / "checkpoint"


def _save_lively(folder: Path, arch: str) -> None:
    """Random weights, and statistics of batch norm that are far from the identity."""
    torch.manual_seed(0)
    classifier = create_classifier(arch, ID_CLASSES, (TINY_SIDE, TINY_SIDE))
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    card = ModelCard(arch=arch, classes=ID_CLASSES, input_size=(TINY_SIDE, TINY_SIDE))
    save_checkpoint(folder / "checkpoint", classifier.model, card)


@pytest.fixture(scope="session")
def phantoms(made_once: MadeOnce) -> Path:
    """A few phantoms of every class, as ``id/class/…jpg`` and ``ood/class/…jpg``."""

    def draw(folder: Path) -> None:
        write_phantoms(folder / "id", per_class=16, size=96, seed=11, classes=ID_CLASSES)
        write_phantoms(folder / "ood", per_class=4, size=96, seed=12, classes=("polyps", "esophagitis"))

    return made_once("phantoms", draw)


@pytest.fixture(scope="session")
def tiny_bundle(made_once: MadeOnce, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """A real, small bundle: random weights, 48 ID images, 8 OOD images."""
    return made_once("tiny-bundle", partial(_calibrate, tiny_checkpoint, phantoms)) / "tiny"


@pytest.fixture(scope="session")
def wide_bundle(made_once: MadeOnce, wide_checkpoint: Path, phantoms: Path) -> Path:
    """The same of the wide checkpoint, under the same name: what pages are looked at with."""
    return made_once("wide-bundle", partial(_calibrate, wide_checkpoint, phantoms)) / "tiny"


@pytest.fixture(scope="session")
def verdict_bundle(made_once: MadeOnce, tiny_checkpoint: Path) -> Path:
    """As the tiny bundle, with calibration images enough for the verdict by two tests."""

    def make(folder: Path) -> None:
        write_phantoms(folder / "id", per_class=46, size=96, seed=21, classes=ID_CLASSES)
        write_phantoms(folder / "ood", per_class=4, size=96, seed=22, classes=("polyps",))
        calibrate(
            tiny_checkpoint,
            folder / "id",
            folder / "two",
            ood=folder / "ood",
            title="Two tests",
            references=0,
            patches=0,
            **COMMON,
        )

    return made_once("verdict-bundle", make) / "two"


def _calibrate(checkpoint: Path, phantoms: Path, folder: Path) -> None:
    """Without references and patches, as older bundles are."""
    of = {"ood": phantoms / "ood", "references": 0, "patches": 0}
    calibrate(checkpoint, phantoms / "id", folder / "tiny", title="Tiny", **of, **COMMON)


@pytest.fixture(scope="session")
def referenced_bundle(made_once: MadeOnce, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """The same with reference images of every channel and their heatmaps, two of each kind; no OOD images."""

    def make(folder: Path) -> None:
        calibrate(
            tiny_checkpoint,
            phantoms / "id",
            folder / "referenced",
            title="Referenced",
            references=2,
            patches=0,
            **COMMON,
        )

    return made_once("referenced-bundle", make) / "referenced"


@pytest.fixture(scope="session")
def patched_bundle(made_once: MadeOnce, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """As the tiny bundle, with patches: it shows where an image is unlike."""

    def make(folder: Path) -> None:
        of = {"ood": phantoms / "ood", "references": 0, "patches": 200}
        calibrate(tiny_checkpoint, phantoms / "id", folder / "patched", title="Patched", **of, **COMMON)

    return made_once("patched-bundle", make) / "patched"


@pytest.fixture(scope="session")
def loaded_tiny(tiny_bundle: Path) -> Bundle:
    """The tiny bundle, loaded once; nobody changes it."""
    return Bundle.load(tiny_bundle, "cpu")


@pytest.fixture(scope="session")
def loaded_wide(wide_bundle: Path) -> Bundle:
    """The wide bundle, loaded once; nobody changes it."""
    return Bundle.load(wide_bundle, "cpu")


@pytest.fixture(scope="session")
def loaded_referenced(referenced_bundle: Path) -> Bundle:
    """The bundle with reference images, loaded once; nobody changes it."""
    return Bundle.load(referenced_bundle, "cpu")


@pytest.fixture(scope="module")
def tiny_inspector(loaded_tiny: Bundle) -> Inspector:
    """An Inspector of the tiny bundle for the tests of a file."""
    return Inspector(loaded_tiny, torch.device("cpu"))


@pytest.fixture(scope="module")
def wide_inspector(loaded_wide: Bundle) -> Inspector:
    """An Inspector of the wide bundle for the tests of a file."""
    return Inspector(loaded_wide, torch.device("cpu"))


@pytest.fixture(scope="module")
def referenced_inspector(loaded_referenced: Bundle) -> Inspector:
    """An Inspector of the bundle with reference images for the tests of a file."""
    return Inspector(loaded_referenced, torch.device("cpu"))


@pytest.fixture(scope="session")
def sampled_bundles(made_once: MadeOnce, tiny_checkpoint: Path) -> Path:
    """Two bundles of 360 pictures of noise: ``whole`` keeps all of its 198 fit images, ``sampled`` 180 of them.

    Noise, since a fit in passes needs more images than phantoms are drawn in a moment. ``ood`` are others, and
    ``said.txt`` is what ``nero calibrate`` said.
    """

    def make(folder: Path) -> None:
        generator = np.random.default_rng(5)
        for place, name in enumerate((*ID_CLASSES, "polyps")):
            inside = folder / ("ood" if name == "polyps" else "id") / name
            inside.mkdir(parents=True)
            for number in range(12 if name == "polyps" else 120):
                spread = generator.uniform(20, 60)
                cells = generator.normal(100 + 25 * place, spread, (8, 8, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(cells).resize((TINY_SIDE, TINY_SIDE)).save(inside / f"{number}.png")
        given = [tiny_checkpoint, folder / "id", "--ood", folder / "ood", "--allow-reduced-rank", "--no-references"]
        given += ["--no-patches", "--no-comparison", "--synthetic", "--device", "cpu"]
        for name, sample in (("whole", 198), ("sampled", 180)):
            called = ["calibrate", *given, "--out", folder / name, "--sample", sample, "--title", name]
            result = CliRunner().invoke(nero, [str(argument) for argument in called], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            (folder / "said.txt").write_text(result.output)

    return made_once("sampled-bundles", make)
