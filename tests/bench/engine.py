"""What an Inspector does, against the bare forward pass or the plain gradient of the same model."""

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rich.progress import Progress
from torch.utils.flop_counter import FlopCounterMode

from nero_core import Inspector
from nero_core.data import Picture, decode_image
from nero_core.phantom import Lesion, Perturbation, Rectangle, perturb
from nero_core.phantom.drawing import CLASSES, draw_phantom, encode_phantom
from nero_core.relevance.concept import conditions
from nero_core.types import ImageBatch
from tests.bench.record import Amount, Row
from tests.bench.setting import Setting
from tests.bench.timing import paired, seconds


def bare_forward(inspector: Inspector, batch: ImageBatch) -> Callable[[], None]:
    """The model's own forward pass of a batch that lies on its device, normalised."""
    classifier = inspector.bundle.classifier
    mean = torch.tensor(classifier.mean, device=inspector.device).view(1, 3, 1, 1)
    std = torch.tensor(classifier.std, device=inspector.device).view(1, 3, 1, 1)
    pixels = ((batch.pixels.to(inspector.device) - mean) / std).contiguous(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            classifier.model(pixels)

    return forward


def forward_rows(setting: Setting) -> Iterator[Row]:
    """Images a second of the bare forward pass, and its share of what the device multiplies at best in float32.

    Operations are those of matrix products and convolutions, two for each multiplication that is added.
    """
    device = setting.inspector.device
    best = matrix_product_rate(device)
    for inspector, arch in (
        (setting.usual, "EfficientNet-Lite0"),
        (setting.inspector, "ResNet-18"),
        (setting.vit, "DeiT-tiny"),
    ):
        forward = bare_forward(inspector, inspector.decode(setting.files))
        with FlopCounterMode(display=False) as counter:
            forward()
        taken = statistics.median(seconds(forward) for _ in range(setting.rounds))
        rate = counter.get_total_flops() / taken
        yield Row(
            step=f"bare forward pass of {setting.batch_size} images, {arch}: speed; operations ÷ those of the device's "
            "float32 matrix product",
            this=Amount(value=setting.batch_size / taken, unit="images/s"),
            against=Amount(value=best / 1e12, unit="TFLOP/s"),
            ratio=rate / best,
        )


def matrix_product_rate(device: torch.device) -> float:
    """What the device multiplies at best in float32, in operations a second."""
    size = 4096 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    a @ b
    return 2 * size**3 / statistics.median(seconds(lambda: a @ b) for _ in range(5))


def local_map_against_forward(inspector: Inspector, files: list[Path], rounds: int) -> tuple[float, float, float]:
    """The map of where one image is unlike the fit images, against its bare forward pass."""
    batch = inspector.decode(files[:1])
    return paired(lambda: inspector.unlikeness(batch), bare_forward(inspector, batch), rounds)


def detect_against_forward(
    inspector: Inspector, files: list[Path], rounds: int, method: str = "nero"
) -> tuple[float, float, float]:
    """A method on 32 decoded images against the model's own forward pass of the same batch."""
    batch = inspector.decode(files)
    return paired(lambda: inspector.detect(batch, (method,)), bare_forward(inspector, batch), rounds)


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
