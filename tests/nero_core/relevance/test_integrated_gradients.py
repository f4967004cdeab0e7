"""Integrated gradients: completeness, a plain loop, networks whose answer is known, and conditional maps that sum."""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
import timm
import torch
from torch import Tensor, nn

from nero_core.errors import RelevanceError
from nero_core.models.classifier import Classifier
from nero_core.relevance.concept import conditions
from nero_core.relevance.integrated_gradients import PathHeatmaps, integrated_gradients, logit_path
from nero_core.relevance.smoothing import blurred_baseline
from tests.nero_core.relevance.norms import randomise_norms

SIDE = 64
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def image(seed: int = 0) -> Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def built(arch: str, **options: object) -> Classifier:
    torch.manual_seed(0)
    model = timm.create_model(arch, num_classes=3, **options)
    randomise_norms(model)
    return Classifier(model.eval(), ("a", "b", "c"), (SIDE, SIDE), MEAN, STD)


@pytest.fixture(scope="module", params=["resnet", "efficientnet", "vit"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    make: dict[str, Callable[[], Classifier]] = {
        "resnet": lambda: built("resnet10t"),
        "efficientnet": lambda: built("tf_efficientnet_lite0"),
        "vit": lambda: built("vit_tiny_patch16_224", img_size=SIDE, depth=3),
    }
    return make[request.param]()


def by_loop(classifier: Classifier, pixels: Tensor, weights: Tensor, steps: int) -> Tensor:
    """The paper's Riemann sum, at the middle of each step, one image after the other."""
    start = blurred_baseline(pixels)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    total = torch.zeros_like(pixels)
    for step in range(steps):
        point = (start + (step + 0.5) / steps * (pixels - start)).requires_grad_()
        features = classifier.model.forward_head(
            classifier.model.forward_features((point - mean) / deviation), pre_logits=True
        )
        (features[0] @ weights).backward()
        assert point.grad is not None
        total += point.grad / steps
    return ((pixels - start) * total)[0].sum(dim=0)


def test_the_map_sums_to_the_difference_of_the_logit_within_the_told_error(classifier: Classifier) -> None:
    pixels, target = image(), 1
    result = integrated_gradients(classifier, pixels, classifier.head.weight[target : target + 1], nodes=48)
    logits = [classifier.head.logits(classifier.features(each))[0] for each in (pixels, blurred_baseline(pixels))]
    change = float(logits[0][target] - logits[1][target])
    assert float(result.change[0]) == pytest.approx(change, abs=1e-4)
    assert float(result.maps[0].double().sum()) - change == pytest.approx(float(result.error[0]), abs=1e-4)
    assert abs(float(result.error[0])) < 0.05 * abs(change)
    assert float(result.conservation[0]) == pytest.approx(1 + float(result.error[0]) / change, abs=1e-3)
    path = logit_path(result, classifier.head.bias[target])
    assert path.image == pytest.approx(float(logits[0][target]), abs=1e-4)
    assert path.blurred == pytest.approx(float(logits[1][target]), abs=1e-4)
    assert path.change == pytest.approx(change, abs=1e-4)


def test_it_is_what_a_plain_loop_finds(classifier: Classifier) -> None:
    pixels, weights = image(1), classifier.head.weight[0]
    expected = by_loop(classifier, pixels, weights, 96)
    found = integrated_gradients(classifier, pixels, weights[None], nodes=24).maps[0]
    likeness = torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1]
    assert float(likeness) > 0.98
    assert float((found - expected).norm() / expected.norm()) < 0.2


def test_conditional_maps_of_all_channels_sum_to_the_class_map(classifier: Classifier) -> None:
    weights = classifier.head.weight[2].clone()
    channels = range(classifier.head.neurons)
    halves = torch.stack([conditions(weights, part).sum(dim=0) for part in (channels[::2], channels[1::2])])
    some = conditions(weights, (3, 5))
    whole = integrated_gradients(classifier, image(), torch.stack([weights, *halves, *some]), nodes=4)
    scale = float(whole.maps[0].abs().max())
    torch.testing.assert_close(whole.maps[1] + whole.maps[2], whole.maps[0], atol=1e-4 * scale, rtol=1e-3)
    for row, channel in enumerate((3, 5), 3):
        alone = torch.zeros_like(weights)
        alone[channel] = weights[channel]
        expected = integrated_gradients(classifier, image(), alone[None], nodes=4)
        torch.testing.assert_close(whole.maps[row], expected.maps[0], atol=1e-4 * scale, rtol=1e-3)
        activations = [classifier.features(each)[0, channel] for each in (image(), blurred_baseline(image()))]
        assert float(whole.change[row]) == pytest.approx(
            float(weights[channel] * (activations[0] - activations[1])), abs=1e-4
        )


class Flat(nn.Module):
    """A timm classifier as small as can be: features are fixed sums of the normalised pixels, squared where asked."""

    num_features = 2

    def __init__(self, squared: bool) -> None:
        super().__init__()
        self.squared = squared
        self.fc = nn.Linear(2, 3)
        rows = torch.rand(2, 3 * SIDE * SIDE, generator=torch.Generator().manual_seed(7))
        self.register_buffer("rows", rows / SIDE)

    def forward_features(self, x: Tensor) -> Tensor:
        assert isinstance(self.rows, Tensor)
        sums = x.reshape(len(x), -1) @ self.rows.T
        return sums.square() if self.squared else sums

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x if pre_logits else self.fc(x)

    def get_classifier(self) -> nn.Linear:
        return self.fc

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.forward_features(x))


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_linear_network_is_explained_exactly(nodes: int) -> None:
    model = Flat(squared=False)
    classifier = Classifier(model, ("a", "b", "c"), (SIDE, SIDE), MEAN, STD)
    pixels, weights = image(2), classifier.head.weight[0]
    result = integrated_gradients(classifier, pixels, weights[None], nodes=nodes)
    assert isinstance(model.rows, Tensor)
    slope = (weights @ model.rows).reshape(3, SIDE, SIDE) / torch.tensor(STD)[:, None, None]
    expected = ((pixels - blurred_baseline(pixels))[0] * slope).sum(dim=0)
    torch.testing.assert_close(result.maps[0], expected, atol=1e-5, rtol=1e-3)
    assert float(result.error[0]) == pytest.approx(0, abs=1e-3)


def test_a_square_needs_one_node() -> None:
    """Its gradient rises evenly on the way, and a single Gauss–Legendre node is exact for that."""
    classifier = Classifier(Flat(squared=True), ("a", "b", "c"), (SIDE, SIDE), MEAN, STD)
    weights = classifier.head.weight[1:2]
    one, many = (integrated_gradients(classifier, image(3), weights, nodes=nodes) for nodes in (1, 8))
    assert float(one.conservation[0]) == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(one.maps, many.maps, atol=1e-4 * float(many.maps.abs().max()), rtol=1e-3)


def test_from_the_image_to_itself_nothing_changes() -> None:
    classifier = built("resnet10t")
    result = integrated_gradients(classifier, image(), classifier.head.weight[:1], baseline=image(), nodes=2)
    assert not bool(result.maps.any())
    assert float(result.change[0]) == pytest.approx(0, abs=1e-6)
    assert bool(result.conservation.isnan().all()) and bool(result.cancellation.isnan().all())


def test_positive_and_negative_parts_that_cancel_are_told() -> None:
    ends = torch.tensor([3.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    result = PathHeatmaps(torch.tensor([[[4.0, -3.0], [1.0, 0.0]]]), *ends)
    assert (float(result.change[0]), float(result.error[0])) == (2, 0)
    assert (float(result.conservation[0]), float(result.cancellation[0])) == (1, 4)


def test_the_chunk_plays_no_part_and_the_plain_model_is_left_alone(classifier: Classifier) -> None:
    before = copy.deepcopy(classifier.model.state_dict())
    maps = [
        integrated_gradients(classifier, image(), classifier.head.weight, nodes=5, chunk=chunk).maps for chunk in (1, 3)
    ]
    torch.testing.assert_close(*maps, atol=1e-4 * float(maps[0].abs().max()), rtol=1e-3)
    assert all(torch.equal(value, before[name]) for name, value in classifier.model.state_dict().items())
    assert all(parameter.grad is None for parameter in classifier.model.parameters())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_may_be_asked_for_where_gradients_are_off(mode: Callable[[], AbstractContextManager[None]]) -> None:
    classifier = built("resnet10t")
    expected = integrated_gradients(classifier, image(), classifier.head.weight[:1], nodes=2).maps
    with mode():
        found = integrated_gradients(classifier, image() + 0, classifier.head.weight[:1] * 1, nodes=2).maps
    torch.testing.assert_close(found, expected)


def test_threads_share_the_plain_model() -> None:
    classifier = built("resnet10t")

    def made(seed: int) -> Tensor:
        return integrated_gradients(classifier, image(seed), classifier.head.weight[:1], nodes=2).maps

    alone = [made(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(made, range(4)))
    for first, second in zip(alone, together, strict=True):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize(
    ("pixels", "weights", "nodes", "says"),
    [
        (torch.rand(1, 3, SIDE, SIDE), torch.rand(1, 511), 2, "weights of shape"),
        (torch.rand(1, 3, SIDE, SIDE), torch.rand(0, 512), 2, "weights of shape"),
        (torch.rand(1, 3, SIDE, SIDE), torch.rand(1, 512), 0, "at least 1 node"),
        (torch.full((1, 3, SIDE, SIDE), torch.nan), torch.rand(1, 512), 2, "finite gradients"),
    ],
)
def test_what_does_not_fit_is_refused(pixels: Tensor, weights: Tensor, nodes: int, says: str) -> None:
    with pytest.raises(RelevanceError, match=says):
        integrated_gradients(built("resnet10t"), pixels, weights, nodes=nodes)
