"""Composites: who gets which rule, which composites suit which family, conservation at every block."""

import copy

import pytest
import timm
import torch
from crp.attribution import CondAttribution
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from zennit.rules import Epsilon, Flat, Norm, Pass, ZBox

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import FAMILIES, canonize
from nero_core.relevance.attribution_copy import AttributionCopy
from nero_core.relevance.composites import (
    CLASS_HEATMAPS,
    COMPOSITES,
    CONCEPT_MAPS,
    choose_composite,
    choose_concept_composite,
    composites_for,
    concept_composites_for,
    epsilon_plus,
)
from nero_core.relevance.heatmap import Attributor
from nero_core.relevance.shared_forward import SharedForward
from tests.nero_core.relevance.norms import randomise_norms
from tests.nero_core.relevance.with_biases import epsilon_plus_with_biases

BOX = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
CONVOLUTIONAL = ("epsilon_plus", "epsilon_gamma_box", "epsilon_alpha2_beta1_flat", "gradient_times_input")


def randomised(block: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    model = ResNet(block, [1, 2, 1, 1], channels=(32, 32, 48, 64), num_classes=3, stem_width=32).eval()
    randomise_norms(model)
    return model.double().requires_grad_(False)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_relevance_is_conserved_at_every_block_by_default_and_not_when_biases_take_some(block: type[nn.Module]) -> None:
    """zennit-crp's own attribution runs our composite and records the relevance of every block's output."""
    model = randomised(block)
    blocks = ["layer1.0", "layer2.0", "layer2.1", "layer3.0", "layer4.0"]
    sums = {}
    for make in (epsilon_plus, epsilon_plus_with_biases):
        canonized = copy.deepcopy(model)
        canonize(canonized)
        image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
        result = CondAttribution(canonized)(
            image, [{}], make(), record_layer=blocks, start_layer="layer4", init_rel=lambda a: a
        )
        total = result.prediction.detach().sum()
        sums[make] = [float(result.relevances[layer].detach().sum() / total) for layer in blocks]
        sums[make].insert(0, float(result.heatmap.sum() / total))
    assert sums[epsilon_plus] == pytest.approx([1.0] * 6, abs=1e-4)
    assert sums[epsilon_plus_with_biases][-1] == pytest.approx(1.0)
    assert sums[epsilon_plus_with_biases][0] < 0.9


@pytest.mark.parametrize(
    ("name", "first"), [("epsilon_plus", Flat), ("epsilon_gamma_box", ZBox), ("epsilon_alpha2_beta1_flat", Flat)]
)
def test_the_first_convolution_has_a_rule_of_its_own(name: str, first: type) -> None:
    model = randomised(BasicBlock)
    canonize(model)
    composite = COMPOSITES[name].rules(*BOX)
    context: dict[str, bool] = {}
    hooks = {key: composite.module_map(context, key, module) for key, module in model.named_modules()}
    assert isinstance(hooks["conv1"].rule, first)
    assert callable(hooks["layer1.0.conv1"].rule)
    assert isinstance(hooks["layer1.0.canonizer_sum"].rule, Norm)
    assert isinstance(hooks["layer4.0.act2"], Pass)
    assert isinstance(hooks["fc"].rule, Epsilon)
    assert hooks["layer1.0.bn1"] is None and hooks["maxpool"] is None


def test_the_box_reaches_from_a_black_pixel_to_a_white_one() -> None:
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    copied = AttributionCopy(randomised(BasicBlock), mean, std, "epsilon_gamma_box", None)
    (box,) = [hook.rule for hook in copied.hooks if isinstance(hook, SharedForward) and isinstance(hook.rule, ZBox)]
    _, low, high = (modify(torch.zeros(1, 3, 2, 2).double()) for modify in box.input_modifiers)
    shape = (1, 3, 2, 2)
    black, white = ([(value - centre) / other for centre, other in zip(mean, std, strict=True)] for value in (0.0, 1.0))
    torch.testing.assert_close(low, torch.tensor(black).double().reshape(1, 3, 1, 1).expand(shape))
    torch.testing.assert_close(high, torch.tensor(white).double().reshape(1, 3, 1, 1).expand(shape))


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_gradient_times_input_is_autograds(block: type[nn.Module]) -> None:
    """On a ResNet as it is, BatchNorm and all: the gradient of Σ_j c_j a_j with c_j = r_j / a_j held constant."""
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    model = randomised(block)
    generator = torch.Generator().manual_seed(2)
    pixels = torch.rand(1, 3, 64, 64, generator=generator).double()
    centre, scale = (torch.tensor(values).double().reshape(1, 3, 1, 1) for values in (mean, std))
    data = ((pixels - centre) / scale).requires_grad_()
    features = model.forward_head(model.forward_features(data), pre_logits=True)[0]
    initial_relevance = torch.randn(len(features), generator=generator).double()
    activations = features.detach()
    (gradient,) = torch.autograd.grad(
        (features * torch.where(activations > 0, initial_relevance / activations, 0.0)).sum(), data
    )
    expected = (gradient * data.detach())[0].sum(dim=0)
    heatmap = (
        Attributor(model, mean, std, "gradient_times_input").heatmaps(pixels, initial_relevance[None]).maps[0].double()
    )
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(heatmap, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def vit() -> nn.Module:
    return VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3)


def test_composites_of_a_family_start_with_its_default() -> None:
    resnet, efficientnet = randomised(BasicBlock), timm.create_model("tf_efficientnet_lite0", num_classes=3)
    assert composites_for(resnet) == ("integrated_gradients", *CONVOLUTIONAL)
    assert composites_for(efficientnet) == (*CONVOLUTIONAL, "integrated_gradients")
    assert composites_for(vit()) == ("integrated_gradients", "epsilon", "gradient_times_input")
    assert choose_composite(vit(), None) == choose_composite(resnet, None) == "integrated_gradients"
    assert choose_composite(efficientnet, None) == "epsilon_plus"


def test_concept_maps_propagate_relevance_by_the_familys_own_rules() -> None:
    resnet, efficientnet = randomised(BasicBlock), timm.create_model("tf_efficientnet_lite0", num_classes=3)
    assert concept_composites_for(resnet) == concept_composites_for(efficientnet) == CONVOLUTIONAL
    assert concept_composites_for(vit()) == ("epsilon", "gradient_times_input")
    assert choose_concept_composite(vit(), None) == "epsilon"
    with pytest.raises(RelevanceError, match="integrated gradients makes class heatmaps alone"):
        choose_concept_composite(resnet, "integrated_gradients")


def test_every_family_has_a_default_of_both_kinds() -> None:
    for family in FAMILIES.values():
        for defaults in (CLASS_HEATMAPS, CONCEPT_MAPS):
            assert family.layout in COMPOSITES[defaults[family.name]].layouts
        assert not COMPOSITES[CONCEPT_MAPS[family.name]].is_path


def test_a_composite_that_does_not_suit_the_family_is_refused_with_a_reason() -> None:
    suitable = "integrated_gradients, epsilon, gradient_times_input"
    with pytest.raises(RelevanceError, match=rf"among {suitable}\. Found 'epsilon_plus': .*mixed signs"):
        choose_composite(vit(), "epsilon_plus")
    with pytest.raises(RelevanceError, match="for transformers"):
        choose_composite(randomised(BasicBlock), "epsilon")
    with pytest.raises(RelevanceError, match="Found 'lime'"):
        choose_composite(vit(), "lime")


@pytest.mark.parametrize("name", ["seresnet18", "efficientnet_b0", "deit_tiny_distilled_patch16_224"])
def test_an_architecture_without_heatmaps_has_no_composites(name: str) -> None:
    with pytest.raises(RelevanceError, match=r"^No heatmap for this architecture, because "):
        composites_for(timm.create_model(name, num_classes=3))
