"""A timm model seen as features and head."""

import pytest
import timm
import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from nero_core.errors import CheckpointError
from nero_core.models import Classifier, create_classifier
from nero_core.types import ImageBatch


def batch_of(count: int, side: int = 64) -> ImageBatch:
    pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))
    names = tuple(f"{index}.png" for index in range(count))
    return ImageBatch(pixels, names, names)


@pytest.mark.parametrize("arch", ["resnet10t", "vit_tiny_patch16_224", "tf_efficientnet_lite0"])
def test_head_on_features_equals_the_models_own_output(arch: str) -> None:
    torch.manual_seed(0)
    classifier = create_classifier(arch, ("a", "b", "c"), (64, 64))
    pixels = batch_of(2).pixels
    mean, std = torch.tensor(classifier.mean).view(1, 3, 1, 1), torch.tensor(classifier.std).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = classifier.model((pixels - mean) / std)
    torch.testing.assert_close(classifier.observe(batch_of(2)).logits, expected, rtol=1e-4, atol=1e-5)


def test_slices_of_a_batch_give_the_features_of_the_whole() -> None:
    torch.manual_seed(0)
    classifier = create_classifier("resnet10t", ("a", "b"), (64, 64))
    whole = classifier.observe(batch_of(7)).features
    torch.testing.assert_close(classifier.observe(batch_of(7), batch_size=3).features, whole, rtol=1e-4, atol=1e-5)


def test_ids_and_labels_travel_with_the_features() -> None:
    classifier = create_classifier("resnet10t", ("a", "b"), (64, 64))
    batch = batch_of(2)
    labelled = ImageBatch(batch.pixels, batch.ids, batch.names, torch.tensor([1, 0]))
    observation = classifier.observe(labelled)
    assert observation.ids == batch.ids
    assert observation.labels is not None and observation.labels.tolist() == [1, 0]


def test_an_unknown_architecture_is_refused_without_a_download() -> None:
    with pytest.raises(CheckpointError, match="'hf-hub:someone/something'"):
        create_classifier("hf-hub:someone/something", ("a", "b"))


@pytest.mark.parametrize("arch", ["resnet18.x", "resnet18.", "resnet18.a1_in1k.x"])
def test_a_tag_that_timm_does_not_know_is_refused(arch: str) -> None:
    with pytest.raises(CheckpointError, match=r"'resnet18\."):
        create_classifier(arch, ("a", "b"))


def test_a_size_that_the_architecture_cannot_take_is_refused() -> None:
    with pytest.raises(CheckpointError, match="18×18 pixels"):
        create_classifier("twins_svt_small", ("a", "b"), (18, 18))


@pytest.mark.parametrize("arch", ["resnet10t", "vit_tiny_patch16_224"])
def test_the_head_of_a_plain_architecture_passes_the_check(arch: str) -> None:
    torch.manual_seed(0)
    create_classifier(arch, ("a", "b"), (64, 64)).check_head()


def test_a_model_that_does_more_after_its_linear_layer_is_refused() -> None:
    class Tempered(ResNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) / 2

    model = Tempered(BasicBlock, [1, 1, 1, 1], channels=(8, 8, 8, 8), num_classes=2)
    with pytest.raises(CheckpointError, match="not the last step of this architecture"):
        Classifier(model, ("a", "b"), (32, 32)).check_head()


def test_a_head_that_is_not_one_linear_layer_is_refused() -> None:
    model = timm.create_model("resnet10t", num_classes=2)
    model.fc = nn.Sequential(nn.Linear(512, 2))
    with pytest.raises(CheckpointError, match="one linear layer"):
        Classifier(model, ("a", "b"))


def test_a_module_that_is_no_timm_model_is_refused() -> None:
    with pytest.raises(CheckpointError, match="forward_features"):
        Classifier(nn.Linear(3, 2), ("a", "b"))


def test_a_wrong_number_of_class_names_is_refused() -> None:
    with pytest.raises(CheckpointError, match="2 outputs"):
        Classifier(timm.create_model("resnet10t", num_classes=2), ("a", "b", "c"))


def test_a_slice_that_finds_no_memory_is_halved_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    classifier = create_classifier("test_resnet", ("a", "b"), (32, 32))
    batch = ImageBatch(torch.rand(11, 3, 32, 32), tuple("abcdefghijk"), tuple("abcdefghijk"))
    wanted = classifier.observe(batch)
    forward, sizes = classifier.features_and_stages, []

    def with_room_for_three(pixels: torch.Tensor) -> object:
        sizes.append(len(pixels))
        if len(pixels) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(pixels)

    monkeypatch.setattr(classifier, "features_and_stages", with_room_for_three)
    observed = classifier.observe(batch, batch_size=8)
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    torch.testing.assert_close(observed.features, wanted.features)
    sizes.clear()
    classifier.observe(batch)
    assert sizes[0] == 2  # it is not tried again
    monkeypatch.setattr(
        classifier, "features_and_stages", lambda pixels: with_room_for_three(pixels.repeat(4, 1, 1, 1))
    )
    with pytest.raises(torch.OutOfMemoryError):
        classifier.observe(batch)
