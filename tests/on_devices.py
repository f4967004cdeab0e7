"""What is computed on the CPU and on another device, to be held side by side."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nero_core import DETECTORS, Explorer, Inspector
from nero_core.calibration import Bundle
from nero_core.calibration.references import References, make_references
from nero_core.data.decode import decode_batch
from nero_core.device import float64
from nero_core.models import create_classifier
from nero_core.relevance.heatmap import Attributor
from nero_core.training.learner import Learner
from nero_core.types import ImageBatch

CLASSES, NEURONS = 4, 24


def made(seed: int, images: int = 200) -> tuple[Tensor, Tensor]:
    """Features of ``CLASSES`` classes, non-negative as after a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    return (centres()[labels] + 0.5 * torch.randn(images, NEURONS, generator=generator)).relu(), labels


def centres() -> Tensor:
    return torch.randn(CLASSES, NEURONS, generator=torch.Generator().manual_seed(0)) + 1


VARIANTS: list[tuple[str, Mapping[str, object]]] = [
    *((name, {}) for name in DETECTORS),
    ("nero", {"norm": 2}),
    ("neco", {"max_logit": True}),
    ("grood", {"ood_prototype": centres()[0]}),
    ("grood", {"synthesis": "noise", "noise_features": made(7)[0]}),
]


def everything(inspector: Inspector, images: list[Path]) -> dict[str, object]:
    """All that an Inspector and an Explorer answer."""
    bundle = inspector.bundle
    batch, explorer = inspector.decode(images), Explorer(inspector)
    observation = inspector.observe(batch)
    methods = [name for name in DETECTORS if name not in ("vim", "she")]  # which cannot fit so small a bank
    wider = replace(explorer.settings, norm=2, component_share=0.4)
    return {
        "detections": inspector.detect(batch, methods),
        "references": [inspector.reference_scores(name) for name in methods],
        "channels": inspector.channels(observation, 1),
        "explanations": [inspector.explain(batch, 0, 2, composite=name) for name in inspector.composites],
        "blocks": [inspector.blocks(batch, 0, composite=name) for name in inspector.concept_composites],
        "what if": [explorer.what_if(observation, settings) for settings in (explorer.settings, wider)],
        "mean relevance": explorer.mean_relevance(),
        "concept": explorer.concept(batch, 5),
        "summary": explorer.summary(7),
        "statistics": explorer.statistics(),
        "map": explorer.relevance_map("pca"),
        "place": explorer.place(observation, neighbours=2),
        "faithfulness": explorer.faithfulness(batch),
        "missing": explorer.missing_evidence(observation),
        "classes": [inspector.reference_class(image_id) for image_id in bundle.fit.ids],
    }


def made_references(bundle: Bundle, used: Tensor) -> References:
    """References of the channels that are used, made from the small pictures as if these were the images."""
    classifier, fit = bundle.classifier, bundle.fit
    pictures = decode_batch([bundle.thumbnail(image_id) for image_id in fit.ids[:6]], classifier.input_size)
    batch = ImageBatch(pictures.pixels, fit.ids[:6], fit.ids[:6])
    features = classifier.observe(batch).features.cpu() * used
    attributor = Attributor(classifier.model, classifier.mean, classifier.std, device=classifier.device)
    return make_references(attributor, [batch], batch.ids, float64(features) - 0.1 * used, features, count=2)


def learnt(device: torch.device, pixels: Tensor, labels: Tensor) -> list[object]:
    torch.manual_seed(0)
    learner = Learner(create_classifier("resnet10t", ("a", "b", "c"), (32, 32)), 1e-2, device, frozen=True)
    steps = [learner.learn(pixels, labels, 1e-2) for _ in range(2)]
    return [steps, learner.features(pixels), learner.state()]
