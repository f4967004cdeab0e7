"""Sanity check: a heatmap that stays when the weights are randomised explains the image and not the model.

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018. ε+ is the least sensitive of the composites, as Sixt et
al., "When explanations lie", ICML 2020, found: 0.44 here, where the others lie between 0.12 and 0.22.
"""

import copy
from functools import cache

import pytest
import torch
from scipy.stats import spearmanr
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from nero_core.models.classifier import Classifier
from nero_core.relevance.composites import COMPOSITES, composites_for
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor
from nero_core.relevance.integrated_gradients import integrated_gradients
from nero_core.types import Head

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SIDE = 32


def image(label: int, seed: int) -> Tensor:
    """A bright blob in one of two colours at a random place, on noise."""
    generator = torch.Generator().manual_seed(seed)
    pixels = 0.3 * torch.rand(3, SIDE, SIDE, generator=generator)
    row, column = torch.randint(0, SIDE - 10, (2,), generator=generator).tolist()
    pixels[2 * label, row : row + 10, column : column + 10] += 0.6
    return pixels


def resnet() -> nn.Module:
    return ResNet(BasicBlock, [1, 1, 1, 1], channels=(8, 16, 24, 32), num_classes=2, stem_width=8)


def vit() -> nn.Module:
    return VisionTransformer(img_size=SIDE, patch_size=4, embed_dim=32, depth=2, num_heads=2, num_classes=2)


@cache
def trained(make: type) -> nn.Module:
    """A network that has learnt to tell the colours, in a second or two."""
    torch.manual_seed(0)
    model = make().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(60):
        labels = torch.arange(16) % 2
        pixels = torch.stack([image(int(label), 100 * step + index) for index, label in enumerate(labels)])
        loss = nn.functional.cross_entropy(model((pixels - 0.5) / 0.25), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2
    return model.eval().requires_grad_(False)


def randomised(model: nn.Module, seed: int) -> nn.Module:
    """All weights drawn again from the values that they have, parameter by parameter: the scale of each layer stays."""
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(model)
    for parameter in other.parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.data = parameter.data.flatten()[order].reshape(parameter.shape)
    return other


def heatmap(model: nn.Module, composite: str, pixels: Tensor) -> Tensor:
    features = model.forward_head(model.forward_features((pixels[None] - 0.5) / 0.25), pre_logits=True)
    classifier = model.get_classifier()
    head = Head(classifier.weight, classifier.bias)
    initial_relevance = nn.functional.one_hot(head.logits(features).argmax(dim=1), 2).float()
    if COMPOSITES[composite].is_path:
        classifier = Classifier(copy.deepcopy(model), ("red", "blue"), (SIDE, SIDE), MEAN, STD)
        return integrated_gradients(classifier, pixels[None], initial_relevance @ head.weight).maps[0]
    relevance, _ = neuron_relevance(features, head, initial_relevance=initial_relevance)
    return Attributor(model, MEAN, STD, composite).heatmaps(pixels[None], relevance).maps[0]


def likeness(heat: Tensor, other: Tensor) -> float:
    """Spearman's rank correlation over cells of 4 × 4 pixels."""
    cells = [nn.functional.avg_pool2d(which[None], 4).flatten().numpy() for which in (heat, other)]
    return abs(float(spearmanr(*cells).statistic))


CASES = [(make, name) for make in (resnet, vit) for name in composites_for(make())]


@pytest.mark.parametrize(
    ("make", "composite"), CASES, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_randomising_the_weights_changes_the_heatmap(make: type, composite: str) -> None:
    model = trained(make)
    same, random = [], []
    for seed in range(6):
        pixels = image(seed % 2, 10_000 + seed)
        explained = heatmap(model, composite, pixels)
        same.append(likeness(explained, heatmap(copy.deepcopy(model), composite, pixels)))
        random.append(likeness(explained, heatmap(randomised(model, seed), composite, pixels)))
    assert min(same) > 0.999
    assert sum(random) / len(random) < 0.6
