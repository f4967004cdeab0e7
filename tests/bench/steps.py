"""Every step that ``make bench`` measures, by name, in the order of the table."""

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tests.bench.calibration import calibration_rows, observation_rows, whole_calibration_rows
from tests.bench.crowd import USERS, crowd, kept_after_uploads
from tests.bench.engine import (
    all_channels_seconds,
    detect_against_forward,
    drawing_seconds,
    explain_against_gradient,
    forward_rows,
    heatmaps_against_gradient,
    local_map_against_forward,
    perturbation_seconds,
)
from tests.bench.growth import growth_rows
from tests.bench.methods import all_depths_seconds, catalog_seconds, many_classes_seconds, nero_against_loop
from tests.bench.process import (
    explorer_seconds,
    kept_megabytes,
    load_seconds,
    page_times,
    ready_against_torch,
    small_file_against_streamlit,
    start_against_torch,
)
from tests.bench.record import Amount, Goal, Row, single, timed
from tests.bench.rivals import captum_rows, crp_rows, pytorch_ood_rows
from tests.bench.setting import Setting, Step
from tests.bench.worklist import FRAMES, worklist_against_forward
from tests.bench.worklist_page import ITEMS, worklist_page_seconds

# Of the catalog. Cheap are all others: they score what was observed, with no second look at the image.
COSTLY = ("odin",)
SEARCH = ("grood", "knn", "nnguide")  # whose time grows with the images that were fitted on


def _detect(setting: Setting) -> Iterator[Row]:
    step = f"`detect` of {setting.batch_size} images by NERO ÷ bare forward pass of the same batch, ResNet-18"
    on_card = setting.inspector.device.type != "cpu"
    times = detect_against_forward(setting.inspector, setting.files, setting.rounds)
    yield timed(step, times, 1.05 if on_card else 1.10)


def _verdict(setting: Setting) -> Iterator[Row]:
    usual = setting.usual
    step = f"the default's verdict on {setting.batch_size} images ÷ bare forward pass, EfficientNet-Lite0"
    yield timed(step, detect_against_forward(usual, setting.files, setting.rounds, usual.default_method()), 1.15)


def _explain(setting: Setting) -> Iterator[Row]:
    step = "`explain` with 8 concepts (10 heatmaps, the class's by integrated gradients) ÷ plain input gradient of 8"
    yield timed(step, explain_against_gradient(setting.inspector, setting.files, setting.rounds), 3)


def _heatmaps(setting: Setting) -> Iterator[Row]:
    for inspector, arch in ((setting.inspector, "ResNet-18"), (setting.vit, "DeiT-tiny")):
        step = f"8 conditional heatmaps of one image ÷ plain input gradient of 8 images, {arch}"
        yield timed(step, heatmaps_against_gradient(inspector, setting.files, setting.rounds), 1)


def _local_map(setting: Setting) -> Iterator[Row]:
    step = "the map of where an image is unlike ÷ its bare forward pass, EfficientNet-Lite0"
    yield timed(step, local_map_against_forward(setting.usual, setting.files, setting.rounds))


def _channels(setting: Setting) -> Iterator[Row]:
    neurons = setting.inspector.bundle.classifier.head.neurons
    step = f"conditional heatmaps of all {neurons} channels of one image, ResNet-18"
    yield single(step, all_channels_seconds(setting.inspector, setting.files[0]), 25)


def _learn(setting: Setting) -> Iterator[Row]:
    moved = perturbation_seconds(setting.inspector, setting.files[0], setting.rounds)
    yield single("Learn: a perturbation, to its score and channels", moved, 0.7)
    yield single("draw and encode a phantom at 224 × 224, one core", drawing_seconds(setting.rounds), 0.067)


def _catalog(setting: Setting) -> Iterator[Row]:
    times = catalog_seconds(rounds=3)
    fitting = sum(fit for fit, _ in times.values())
    scoring = sum(score for name, (_, score) in times.items() if name not in COSTLY)
    yield single(f"fit all {len(times)} methods on 5,000 images (512 neurons, 10 classes)", fitting, 20)
    cheap = len(times) - len(COSTLY)
    yield single(f"score 10,000 observed images by the {cheap} methods that need no second look at them", scoring, 2.5)
    alone = [score for name, (_, score) in times.items() if name not in (*COSTLY, *SEARCH)]
    yield single(f"of which the {len(alone)} that do not compare each image with every fit image", sum(alone))
    for name, (fit, score) in sorted(times.items(), key=lambda row: -row[1][1])[:4]:
        yield single(f"of which `{name}`: score; fit", score, against=fit)


def _many_classes(setting: Setting) -> Iterator[Row]:
    fit, score = all_depths_seconds()
    yield single("`nero_deep` with EfficientNet-Lite0's stages: fit on 5,000; score of 1,000", fit, 20, against=score)
    for name, most in (("line", 10), ("nero", None), ("knn", None)):
        fit, score = many_classes_seconds(name)
        step = f"`{name}`, 1,000 classes × 2,048 neurons: fit on 5,000; score of 1,000"
        yield single(step, fit, most, against=score)


def _loop(setting: Setting) -> Iterator[Row]:
    step = "NERO, fit on 5,000 and score of 10,000 ÷ the same formula image by image in Python"
    yield timed(step, nero_against_loop(rounds=3), 1 / 50)


def _start(setting: Setting) -> Iterator[Row]:
    for what, arguments, most in (
        ("`nero --help`", ("-m", "nero_core.cli", "--help"), 0.3),
        ("`from nero_core import Inspector`", ("-c", "from nero_core import Inspector"), 2.0),
    ):
        yield _against_torch(f"{what} ÷ `import torch`, of a processor", start_against_torch(5, *arguments), most)
    yield single("load a bundle, of a processor", load_seconds(setting.resnet, 5), 1)
    yield _against_torch("server ready ÷ `import torch`, by the clock", ready_against_torch(rounds=3), 4.0)


def _against_torch(step: str, times: tuple[float, float, float], most: float) -> Row:
    """What a machine takes to import PyTorch tells how fast it is; the goal is for the seconds."""
    measured, other, ratio = times
    goal = Goal(is_for="this", sign="≤", limit=most)
    return Row(step=step, this=Amount(value=measured), against=Amount(value=other), ratio=ratio, goal=goal)


def _memory(setting: Setting) -> Iterator[Row]:
    step = "memory kept after 16 sessions with two 12-megapixel photographs each; as glibc leaves it"
    if sys.platform.startswith("linux"):
        ours, plain = kept_megabytes(setting.resnet), kept_megabytes(setting.resnet, "--as-it-comes")
        yield single(step, ours, 100, unit="MB", against=plain)


def _worklist(setting: Setting) -> Iterator[Row]:
    measured, other, ratio = worklist_against_forward(setting.usual)
    step = f"{FRAMES} frames of 1350 × 1080 from folder to worklist: speed ÷ bare forward pass with decoding"
    goal = Goal(is_for="ratio", sign="≥", limit=0.8)
    yield Row(step=step, this=Amount(value=measured), against=Amount(value=other), ratio=1 / ratio, goal=goal)


def _pages(setting: Setting) -> Iterator[Row]:
    first, verdict, concepts = page_times(setting.resnet, setting.files[-1])
    yield single("cold start to first page", first)
    yield single("upload to verdict", verdict)
    yield single("upload to eight concepts, the first explanation", concepts)
    step = "a small file of the page, on a connection that stays open ÷ the same from Streamlit's own server"
    yield timed(step, small_file_against_streamlit(), 0.2)


def _explorer(setting: Setting) -> Iterator[Row]:
    paint, in_new = explorer_seconds(setting.resnet, setting.folder)
    yield single("neuron explorer, first tiles of 512 channels × 2,000 images, warm server", paint, 2)
    yield single("the same, in a browser window that is opened for it", in_new)


def _worklist_page(setting: Setting) -> Iterator[Row]:
    seconds, grown = worklist_page_seconds(setting.folder / "worklist")
    yield single(f"first page of a worklist of {ITEMS:,} frames, in a window that is open", seconds, 2)
    yield single("what the server's memory grows by in four more such visits", grown, 50, unit="MB")


def _crowd(setting: Setting) -> Iterator[Row]:
    result = crowd()
    times = result.together, result.alone, result.together / result.alone
    step = f"upload to verdict, 95th percentile of {USERS} users at once ÷ of one, {result.uploads} uploads"
    yield timed(f"{step}; {result.errors} errors, {result.mixed_up} verdicts of another image", times, USERS)


def _uploads(setting: Setting) -> Iterator[Row]:
    if sys.platform.startswith("linux"):
        before, after, errors = kept_after_uploads(setting.uploads)
        step = (
            f"what the server's memory grows by in {setting.uploads} uploads, all windows closed; ready and after one"
        )
        yield single(f"{step}; {errors} errors", after - before, 200, unit="MB", against=before)


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "forward": Step(forward_rows),
        "detect": Step(_detect),
        "verdict": Step(_verdict),
        "explain": Step(_explain),
        "heatmaps": Step(_heatmaps),
        "local-map": Step(_local_map),
        "channels": Step(_channels),
        "observe": Step(observation_rows),
        "calibrate": Step(calibration_rows),
        "catalog": Step(_catalog),
        "many-classes": Step(_many_classes),
        "growth": Step(growth_rows),
        "loop": Step(_loop),
        "pytorch-ood": Step(pytorch_ood_rows),
        "crp": Step(crp_rows),
        "captum": Step(captum_rows),
        "learn": Step(_learn),
        "start": Step(_start),
        "memory": Step(_memory),
        "worklist": Step(_worklist),
        "pages": Step(_pages),
        "explorer": Step(_explorer),
        "worklist-page": Step(_worklist_page),
        "calibrate-all": Step(whole_calibration_rows, is_long=True),
        "crowd": Step(_crowd, is_long=True),
        "uploads": Step(_uploads, is_long=True),
    }
)
