"""Measures the speed of each step, ratios in one run on one machine: ``make bench``.

Each ratio pairs two workloads turn by turn, so that both meet the same load of the machine; medians are printed.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from nero_core import DETECTORS, Head, Inspector, build_detector
from nero_core.data import Picture, decode_image
from nero_core.detectors.components import principal_components
from nero_core.device import describe_device
from nero_core.phantom import Lesion, Perturbation, Rectangle, perturb
from nero_core.phantom.drawing import CLASSES, draw_phantom, encode_phantom, write_phantoms
from nero_core.relevance.concept import conditions
from nero_core.relevance.head import neuron_relevance
from tests.browser.server import Browser, Server
from tests.large_bundle import write_large_bundle

ROOT = Path(__file__).resolve().parent.parent
OWN_PAGES = 3000  # ms that Chromium is given for its own pages


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratio, after one warm-up of each."""
    first(), second()
    times = [(seconds(first), seconds(second)) for _ in range(rounds)]
    ones, others = zip(*times, strict=True)
    return (
        statistics.median(ones),
        statistics.median(others),
        statistics.median(measured / other for measured, other in times),
    )


def detect_against_forward(
    inspector: Inspector, files: list[Path], rounds: int, method: str = "nero"
) -> tuple[float, float, float]:
    """A method on 32 decoded images against the model's own forward pass of the same batch."""
    batch = inspector.decode(files)
    classifier = inspector.bundle.classifier
    mean = torch.tensor(classifier.mean, device=inspector.device).view(1, 3, 1, 1)
    std = torch.tensor(classifier.std, device=inspector.device).view(1, 3, 1, 1)
    pixels = ((batch.pixels.to(inspector.device) - mean) / std).contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            classifier.model(pixels)

    return paired(lambda: inspector.detect(batch, (method,)), forward, rounds)


def explain_against_gradient(inspector: Inspector, files: list[Path], rounds: int) -> tuple[float, float, float]:
    """Ten heatmaps of one image (class, evidence, eight concepts) against the input gradient of a batch of eight."""
    batch = inspector.decode(files[:1])
    classifier = inspector.bundle.classifier
    pixels = torch.rand(8, 3, *classifier.input_size, device=inspector.device)

    def gradient() -> None:
        image = pixels.clone().requires_grad_()
        torch.autograd.grad(classifier.model(image).amax(dim=1).sum(), image)

    return paired(lambda: inspector.explain(batch, concepts=8), gradient, rounds)


def heatmaps_against_gradient(inspector: Inspector, files: list[Path], rounds: int) -> tuple[float, float, float]:
    """Eight conditional heatmaps of one image, forward pass included, against the input gradient of eight images.

    They start from the relevance of the eight channels that the image uses most: what is drawn at random may go where
    no image's relevance goes.
    """
    batch, classifier = inspector.decode(files[:8]), inspector.bundle.classifier
    pixels = batch.pixels.to(inspector.device)
    relevance = inspector.channels(batch).relevance
    initial_relevance = conditions(relevance, relevance.abs().topk(8).indices.tolist())
    attributor = inspector.attributor()

    def gradient() -> None:
        image = pixels.clone().requires_grad_()
        torch.autograd.grad(classifier.model(image).amax(dim=1).sum(), image)

    return paired(lambda: attributor.heatmaps(pixels[:1], initial_relevance), gradient, rounds)


def all_channels_seconds(inspector: Inspector, file: Path) -> float:
    """Seconds for the conditional heatmaps of every channel of one image, from its own relevance, with a bar."""
    batch, attributor = inspector.decode([file]), inspector.attributor()
    pixels, neurons = batch.pixels, inspector.bundle.classifier.head.neurons
    initial_relevance = conditions(inspector.channels(batch).relevance, range(neurons))
    attributor.heatmaps(pixels, initial_relevance[:16])
    with Progress(transient=True) as progress:
        task = progress.add_task("all channels", total=neurons)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return seconds(lambda: attributor.heatmaps(pixels, initial_relevance, on_progress=show))


def perturbation_seconds(inspector: Inspector, file: Path, rounds: int) -> float:
    """Median seconds from moved sliders to score and channels, as the page "Learn" goes: all but the drawing of it."""
    pixels = decode_image(file).pixels
    strengths = {"rotation": 10.0, "blur": 1.0, "brightness": 1.2, "hue": 20.0, "noise": 5.0, "jpeg": 60.0}
    recipes = [
        Perturbation(strengths=strengths, lesion=Lesion("polyps"), occluded=Rectangle(0.2, 0.2, 0.3, 0.3), seed=seed)
        for seed in range(rounds + 1)
    ]

    def score(recipe: Perturbation) -> None:
        observation = inspector.observe(inspector.decode([Picture(perturb(pixels, recipe), "", "perturbed")]))
        inspector.detect(observation)
        inspector.channels(observation)

    score(recipes[0])  # NERO is fitted and the lesion drawn once
    return statistics.median(seconds(lambda variant=variant: score(variant)) for variant in recipes[1:])


def drawing_seconds(rounds: int) -> float:
    """Median seconds to draw and encode one phantom at 224 × 224 on one thread, over all classes."""
    images = [(name, seed) for seed in range(rounds) for name in CLASSES]
    encode_phantom(draw_phantom(*images[0]))  # textures are made once
    return statistics.median(seconds(lambda spec=spec: encode_phantom(draw_phantom(*spec))) for spec in images)


def made_bank(images: int, seed: int) -> tuple[Head, Tensor, Tensor]:
    """A head of 10 classes on 512 neurons, and features and labels of images that it classifies."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(10, 512, generator=torch.Generator().manual_seed(0)) * 2
    labels = torch.randint(10, (images,), generator=generator)
    features = (centres[labels] + torch.randn(images, 512, generator=generator)).relu()
    return Head(centres - centres.mean(dim=0), torch.linspace(-1, 1, 10)), features, labels


def catalog_seconds(rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of every method to fit on 5,000 images, and to score 10,000 observed ones."""
    head, fit, labels = made_bank(5_000, seed=1)
    _, features, _ = made_bank(10_000, seed=2)
    timings = {}
    for name in DETECTORS:
        detector = build_detector(name, head)
        detector.fit_features(fit, labels)
        fitting = statistics.median(seconds(lambda d=detector: d.fit_features(fit, labels)) for _ in range(rounds))
        scoring = statistics.median(seconds(lambda d=detector: d.predict_features(features)) for _ in range(rounds))
        timings[name] = fitting, scoring
    return timings


def all_depths_seconds() -> tuple[float, float]:
    """Seconds of NERO at all depths to fit on 5,000 images of EfficientNet-Lite0's stages, and to score 1,000."""
    generator = torch.Generator().manual_seed(0)
    stages, neurons = {"blocks.2": 40, "blocks.4": 112, "blocks.6": 320}, 1280
    head = Head(torch.randn(10, neurons, generator=generator), torch.zeros(10))
    labels = torch.arange(5_000) % 10
    means = torch.rand(5_000, sum(stages.values()) + neurons, generator=generator) + labels[:, None] / 10
    detector = build_detector("nero_deep", head, stages=stages)
    fitting = seconds(lambda: detector.fit_features(means, labels))
    return fitting, seconds(lambda: detector.predict_features(means[:1000]))


def many_classes_seconds(name: str) -> tuple[float, float]:
    """Seconds of a method to fit on 5,000 images of 1,000 classes and 2,048 neurons, and to score 1,000 of them."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(1000, 2048, generator=generator).relu()
    labels = torch.arange(5_000) % 1000
    features = (centres[labels] / 2 + torch.randn(5_000, 2048, generator=generator) / 2).relu()
    detector = build_detector(name, Head((centres - centres.mean(dim=0)) / 30, torch.zeros(1000)))
    fitting = seconds(lambda: detector.fit_features(features, labels))
    return fitting, seconds(lambda: detector.predict_features(features[:1000]))


def nero_against_loop(rounds: int) -> tuple[float, float, float]:
    """NERO fitted on 5,000 images and scoring 10,000, against the same formula, image by image in Python."""
    head, fit, labels = made_bank(5_000, seed=1)
    _, features, _ = made_bank(10_000, seed=2)
    exact = Head(head.weight.double(), head.bias.double())

    def relevance_of(image: Tensor) -> tuple[Tensor, Tensor]:
        relevance, bias = neuron_relevance(image[None].double(), exact, 1e-6)
        return relevance[0], bias[0]

    def loop() -> Tensor:
        pairs = [relevance_of(image) for image in fit]
        components = principal_components(torch.stack([relevance for relevance, _ in pairs]), 341)
        projected = [components @ relevance for relevance, _ in pairs]
        centroids = [_mean(projected, labels, label) for label in range(10)]
        joined = [torch.cat([relevance, bias[None]]) for relevance, bias in pairs]
        means = [_mean(joined, labels, label) for label in range(10)]
        spread = sum(min(float((vector - mean).abs().sum()) for mean in means) for vector in joined)
        scale = spread / sum(float(bias.abs()) for _, bias in pairs)
        scores = []
        for image in features:
            relevance, bias = relevance_of(image)
            place = components @ relevance
            distance = min(float((place - centroid).abs().sum()) for centroid in centroids)
            lowest = relevance.argsort(stable=True)[:175]
            ratio = float(image[lowest].abs().sum() / image.abs().sum())
            scores.append((distance + scale * float(bias.abs())) * ratio)
        return torch.tensor(scores, dtype=torch.float64)

    def batched() -> Tensor:
        return build_detector("nero", head).fit_features(fit, labels).predict_features(features)

    torch.testing.assert_close(batched(), loop(), rtol=1e-5, atol=1e-6)  # a race between answers to one question
    return paired(batched, loop, rounds)


def _mean(rows: Sequence[Tensor], labels: Tensor, label: int) -> Tensor:
    return torch.stack([row for row, row_label in zip(rows, labels.tolist(), strict=True) if row_label == label]).mean(
        dim=0
    )


def import_against_torch(rounds: int) -> tuple[float, float, float]:
    """A new interpreter that imports the Inspector, against one that imports PyTorch alone."""

    def start(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    return paired(lambda: start("from nero_core import Inspector"), lambda: start("import torch"), rounds)


def kept_megabytes(bundle: Path, *options: str) -> float:
    """What a process keeps of sixteen sessions at once, seconds after them; see ``tests.memory_at_work``."""
    command = [sys.executable, "-m", "tests.memory_at_work", str(bundle), *options]
    before, after = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return float(after) - float(before)


def small_file_against_streamlit() -> tuple[float, float, float]:
    """A file of 1 kB on a connection that stays open, of which the first page needs a hundred; against the same from
    Streamlit's own server; and the ratio."""
    with Server() as ours, Server(entry="streamlit") as plain:
        measured, other = (small_file_seconds(server.address) for server in (ours, plain))
    return measured, other, measured / other


def small_file_seconds(address: str, files: int = 60) -> float:
    """Median of some, one after the other."""
    connection, times = http.client.HTTPConnection(address.removeprefix("http://")), []
    for _ in range(files):
        start = time.perf_counter()
        connection.request("GET", "/favicon.png")
        connection.getresponse().read()
        times.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(times)


def page_times(bundle: Path, file: Path) -> tuple[float, float, float]:
    """Seconds from starting the server to the first page, and from upload to the verdict and to all concepts."""
    start = time.perf_counter()
    with Server(bundle) as server, Browser() as browser:
        page = browser.open(server.address)
        page.get_by_text("Drop an image above").wait_for()
        first_page = time.perf_counter() - start
        start = time.perf_counter()
        page.locator("input[type=file]").set_input_files(file)
        page.locator(".nero-verdict").wait_for()
        verdict = time.perf_counter() - start
        page.locator(".nero-concept").nth(7).wait_for()
        return first_page, verdict, time.perf_counter() - start


def explorer_seconds(bundle: Path, folder: Path, rounds: int = 3) -> tuple[float, float]:
    """Median seconds to the first tiles of the neuron explorer, 512 channels × 2,000 images, each a new session: in a
    window that is open, and in one that is opened for it.

    The server is warm: it has loaded the bundle and somebody has seen the page. The browser has nothing of the page in
    its cache. A new window of Chromium loads pages of its own beside ours, for some two seconds of processor time.
    """
    large = write_large_bundle(bundle, folder / "large")
    times: dict[int, list[float]] = {OWN_PAGES: [], 0: []}
    with Server(large) as server, Browser() as browser:
        for _ in range(rounds + 1):
            for pause, taken in times.items():
                start = time.perf_counter()
                page = browser.open("about:blank", is_in_new_window=True)
                if pause:
                    page.wait_for_timeout(pause)
                    start = time.perf_counter()
                page.goto(f"{server.address}/neuron_explorer")
                page.locator(".grid a").nth(47).wait_for(timeout=180_000)
                taken.append(time.perf_counter() - start)
                page.context.close()
    in_open, in_new = (statistics.median(taken[1:]) for taken in times.values())
    return in_open, in_new


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "assets" / "bundles" / "phantom-resnet18")
    parser.add_argument("--transformer", type=Path, default=ROOT / "assets" / "bundles" / "phantom-deit")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-browser", action="store_true", help="leave out what is measured on the real page")
    options = parser.parse_args()
    inspector = Inspector.load(options.bundle)
    print(f"{describe_device(inspector.device)}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    table = Table("step", "this", "against", "ratio", "goal")
    with tempfile.TemporaryDirectory() as folder:
        files = write_phantoms(Path(folder), 4, seed=99)
        measured, other, ratio = detect_against_forward(inspector, files, options.rounds)
        table.add_row(
            "detect 32 images ÷ bare forward", f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 1.10"
        )
        usual = Inspector.load()
        measured, other, ratio = detect_against_forward(usual, files, options.rounds, usual.default_method())
        row = f"the default's verdict on 32 images ÷ bare forward, {usual.bundle.card.arch}"
        table.add_row(row, f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 1.15")
        measured, other, ratio = explain_against_gradient(inspector, files, options.rounds)
        table.add_row(
            "explain, 8 concepts ÷ gradient of 8", f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 3"
        )
        for each in (inspector, Inspector.load(options.transformer)):
            measured, other, ratio = heatmaps_against_gradient(each, files, options.rounds)
            row = f"8 conditional heatmaps ÷ gradient of 8, {each.bundle.card.arch}"
            table.add_row(row, f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 2")
        every = all_channels_seconds(inspector, files[0])
        neurons = inspector.bundle.classifier.head.neurons
        table.add_row(f"all {neurons} channels of one image", f"{every:.1f} s", "", "", "≤ 25 s")
        moved = perturbation_seconds(inspector, files[0], options.rounds)
        table.add_row("Learn: perturbation to score", f"{moved:.3f} s", "", "", "≤ 0.7 s")
        drawing = drawing_seconds(options.rounds)
        table.add_row("draw and encode a phantom", f"{drawing:.3f} s", "", "", "≤ 0.067 s")
        catalog = catalog_seconds(rounds=3)
        fitting, scoring = (sum(times) for times in zip(*catalog.values(), strict=True))
        table.add_row(f"fit all {len(catalog)} methods on 5,000 images", f"{fitting:.1f} s", "", "", "≤ 20 s")
        table.add_row("score 10,000 observed images with all", f"{scoring:.1f} s", "", "", "≤ 5 s")
        for name, (fit, score) in sorted(catalog.items(), key=lambda row: -sum(row[1]))[:4]:
            table.add_row(f"  of which {name}: fit, score", f"{fit:.2f} s", f"{score:.2f} s", "", "")
        fit, score = all_depths_seconds()
        row = "nero_deep, stages of EfficientNet-Lite0: fit on 5,000, score 1,000"
        table.add_row(row, f"{fit:.1f} s", f"{score:.1f} s", "", "≤ 20 s")
        for name, goal in (("line", "≤ 10 s"), ("nero", ""), ("knn", "")):
            fit, score = many_classes_seconds(name)
            row = f"{name}, 1,000 classes × 2,048 neurons: fit on 5,000, score 1,000"
            table.add_row(row, f"{fit:.1f} s", f"{score:.1f} s", "", goal)
        measured, other, ratio = nero_against_loop(rounds=3)
        table.add_row(
            "NERO, fit and score ÷ a loop in Python",
            f"{measured:.3f} s",
            f"{other:.2f} s",
            f"1/{1 / ratio:.0f}",
            "≤ 1/50",
        )
        measured, other, ratio = import_against_torch(rounds=5)
        row = "from nero_core import Inspector ÷ import torch"
        table.add_row(row, f"{measured:.2f} s", f"{other:.2f} s", f"{ratio:.2f}", "≤ 2.5 s")
        if sys.platform.startswith("linux"):
            measured, other = kept_megabytes(options.bundle), kept_megabytes(options.bundle, "--as-it-comes")
            row = "memory kept after 16 sessions at once ÷ as glibc leaves it"
            table.add_row(row, f"{measured:.0f} MB", f"{other:.0f} MB", "", "≤ 100 MB")
        if not options.no_browser:
            first, verdict, concepts = page_times(options.bundle, files[-1])
            table.add_row("cold start to first page", f"{first:.1f} s", "", "", "")
            table.add_row("upload to verdict", f"{verdict:.1f} s", "", "", "")
            table.add_row("upload to eight concepts, the first explanation", f"{concepts:.1f} s", "", "", "")
            measured, other, ratio = small_file_against_streamlit()
            row = "a small file ÷ the same from Streamlit's own server"
            table.add_row(row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", "≤ 0.2")
            paint, in_new = explorer_seconds(options.bundle, Path(folder))
            table.add_row("neuron explorer, 512 channels × 2,000 images", f"{paint:.1f} s", "", "", "≤ 2 s")
            table.add_row("  in a browser window that is opened for it", f"{in_new:.1f} s", "", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
