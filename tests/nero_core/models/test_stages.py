"""Channel means of the stages: which they are, and that the pass that gives them is the plain one."""

import pytest
import timm
import torch

from nero_core.models.classifier import create_classifier
from nero_core.models.stages import forward_stages, stage_names

NAMES = {
    "resnet10t": ("layer2", "layer3"),
    "tf_efficientnet_lite0": ("blocks.2", "blocks.4", "blocks.6"),
    "vit_tiny_patch16_224": ("blocks.2", "blocks.5", "blocks.8"),
    "convnext_atto": ("stages.1", "stages.2"),
    "hiera_tiny_224": (),
}


@pytest.mark.parametrize("arch", NAMES)
def test_the_stages_are_the_last_maps_of_each_step_and_the_last_map_is_the_plain_one(arch: str):
    torch.manual_seed(0)
    model = timm.create_model(arch, num_classes=3).eval()
    side = 224 if arch in ("vit_tiny_patch16_224", "hiera_tiny_224") else 64
    pixels = torch.rand(2, 3, side, side)
    with torch.no_grad():
        last, stages = forward_stages(model, pixels)
        assert torch.equal(last, model.forward_features(pixels))
    assert tuple(stages) == stage_names(model) == NAMES[arch]
    assert all(means.ndim == 2 and len(means) == 2 and bool(means.isfinite().all()) for means in stages.values())


def test_a_mean_is_that_of_the_stages_output_over_all_positions():
    classifier = create_classifier("resnet10t", ("a", "b"), (64, 64))
    outputs = []
    handle = classifier.model.layer2.register_forward_hook(lambda *call: outputs.append(call[-1]))
    stages = classifier.features_and_stages(torch.rand(2, 3, 64, 64))[1]
    handle.remove()
    torch.testing.assert_close(stages["layer2"], outputs[0].mean(dim=(2, 3)))
