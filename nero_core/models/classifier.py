"""A timm classifier seen as pooled features and a linear head."""

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models.colour import COLOUR, colour_map
from nero_core.models.repeatable import repeatable_gradients
from nero_core.models.stages import forward_patches, forward_stages
from nero_core.types import Head, ImageBatch, Observation

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # Deng et al., CVPR 2009; the preprocessing of NERO's comparison
IMAGENET_STD = (0.229, 0.224, 0.225)


class Classifier:
    """A plain model for forward passes, which no hook ever touches.

    ``forward_features`` gives the last feature map, ``forward_head(pre_logits=True)`` pools it to features ``a``, and
    the classifier is one linear layer: ``l = W a + b``.

    Args:
        model: a timm model.
        class_names: one name for each row of the head.
        input_size: height and width that images are resized to, in pixels.
        mean: RGB mean subtracted from pixels in [0, 1].
        std: RGB deviation that they are divided by.
        device: where to compute.

    Raises:
        CheckpointError: the classifier is not one ``nn.Linear``, or the number of names is not its number of rows.
    """

    def __init__(
        self,
        model: nn.Module,
        class_names: Sequence[str],
        input_size: tuple[int, int] = (224, 224),
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        device: torch.device | str = "cpu",
    ) -> None:
        self.class_names = tuple(class_names)
        self.input_size = input_size
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.device = torch.device(device)
        linear = _linear_classifier(model)
        if linear.out_features != len(self.class_names):
            raise CheckpointError(
                f"Expected one class name for each of the head's {linear.out_features} outputs. "
                f"Found {len(self.class_names)} names. List the classes in the order of training."
            )
        if self.device.type == "cuda":
            # For the whole process and for good: the flags are the process's, so that setting them around a pass would
            # change the passes of other threads.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.deterministic = True
        self.model = model.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)
        self.head = Head(linear.weight.detach(), _bias(linear))
        self._at_once = 256 if self.device.type == "cuda" else 32  # images
        self._mean = torch.tensor(self.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(self.std, device=self.device).view(1, 3, 1, 1)

    def features(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch neurons"]:
        """Pooled features of RGB pixels in [0, 1], in full float32: thresholds made on one device hold on another."""
        return self.features_and_stages(pixels)[0]

    @torch.no_grad()
    def features_and_stages(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Float[Tensor, "batch neurons"], Mapping[str, Float[Tensor, "batch _"]]]:
        """Pooled features, and the channel means of each stage before them, in one pass; see `forward_stages`."""
        pixels = (pixels.to(self.device) - self._mean) / self._std
        maps, stages = forward_stages(self.model, pixels.contiguous(memory_format=torch.channels_last))
        features: Tensor = self.model.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return features, stages

    def features_with_gradient(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch neurons"]:
        """Pooled features with a gradient, to the pixels alone: the model keeps none and gets no hook."""
        mean, std = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (self.mean, self.std)
        )  # new ones: ours may have been made in inference mode, which no gradient passes
        normalised = ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)
        with repeatable_gradients(self.device):
            maps = self.model.forward_features(normalised)  # type: ignore[operator]
            features: Tensor = self.model.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return features

    @torch.no_grad()
    def patches(
        self, pixels: Float[Tensor, "batch 3 height width"], names: Collection[str]
    ) -> Mapping[str, Float[Tensor, "batch _ rows columns"]]:
        """Maps whose positions are patches of the image, by name: of stages of the network, or its ``COLOUR``."""
        pixels = pixels.to(self.device)
        normal = (pixels - self._mean) / self._std
        maps = dict(forward_patches(self.model, normal.contiguous(memory_format=torch.channels_last), names))
        return {name: maps[name] if name in maps else colour_map(pixels) for name in names if name in {*maps, COLOUR}}

    def on(self, device: torch.device | str) -> "Classifier":
        """A copy of it on another device."""
        return Classifier(copy.deepcopy(self.model), self.class_names, self.input_size, self.mean, self.std, device)

    @torch.no_grad()
    def check_head(self) -> None:
        """See that ``W a + b`` is the model's own output, on one random image at the input size.

        Some architectures do more between pooling and logits, or after them: features and head do not tell about these.

        Raises:
            CheckpointError: it is not, or the model cannot take an image of this size.
        """
        generator = torch.Generator().manual_seed(0)
        pixels = torch.rand((1, 3, *self.input_size), generator=generator).to(self.device)
        try:
            expected: Tensor = self.model((pixels - self._mean) / self._std)
            logits = self.head.logits(self.features(pixels))
            # atol in units of the largest logit: one that is 0 by chance has no digits to compare.
            is_same = expected.shape == logits.shape and torch.allclose(
                logits, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())
            )
        except Exception as error:  # each family of timm raises its own kinds
            raise CheckpointError(
                f"Expected {type(self.model).__name__} to take an image of {self.input_size[0]}×{self.input_size[1]} "
                f"pixels. Found {type(error).__name__}: {error}. Give the input size of the training."
            ) from error
        if not is_same:
            raise CheckpointError(
                "Expected the head on the pooled features to give the model's own output. Found other logits: the head "
                f"is not the last step of this architecture ({type(self.model).__name__}). Choose another, such as "
                "resnet18."
            )

    def observe(self, batch: ImageBatch, batch_size: int | None = None) -> Observation:
        """The one forward pass over a batch, in slices of ``batch_size`` images, which bounds the memory it takes.

        Args:
            batch: images.
            batch_size: images a slice; None = 32 on the CPU, and on a CUDA card 256, or the largest half of that,
                quarter, … for which the card has memory.
        """
        parts = list(self._slices(batch.pixels, self._at_once if batch_size is None else batch_size))
        features = torch.cat([part for part, _ in parts])
        stages = {name: torch.cat([means[name] for _, means in parts]) for name in parts[0][1]}
        labels = None if batch.labels is None else batch.labels.to(self.device)
        return Observation(features, self.head, batch.ids, labels, batch, MappingProxyType(stages))

    def _slices(self, pixels: Tensor, size: int) -> Iterator[tuple[Tensor, Mapping[str, Tensor]]]:
        start = 0
        while start < max(len(pixels), 1):  # a batch of no images has features of none
            try:
                part = self.features_and_stages(pixels[start : start + size])
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                part = None
            if part is None:
                self._at_once = size = size // 2
                torch.cuda.empty_cache()
                continue
            yield part
            start += size


def create_classifier(
    arch: str,
    class_names: Sequence[str],
    input_size: tuple[int, int] = (224, 224),
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    device: torch.device | str = "cpu",
) -> Classifier:
    """A classifier of a timm architecture with random weights. Nothing is downloaded.

    Raises:
        CheckpointError: timm does not know the architecture or cannot build it for this size, or its classifier is not
            one linear layer.
    """
    return Classifier(build_model(arch, len(class_names), input_size), class_names, input_size, mean, std, device)


def build_model(arch: str, classes: int, input_size: tuple[int, int]) -> nn.Module:
    """The timm model itself, with random weights; under ``torch.device("meta")`` it takes no memory.

    Raises:
        CheckpointError: timm does not know the architecture or cannot build it for this size.
    """
    import timm  # with torchvision it takes as long to import as PyTorch itself

    if not timm.is_model(arch):
        raise CheckpointError(
            f"Expected the name of an architecture that timm {timm.__version__} knows. Found {arch!r}. "
            "Look the name up with timm.list_models()."
        )
    try:
        config = timm.get_pretrained_cfg(arch)
        is_fixed = config is not None and config.fixed_input_size  # built for one size, which it must be told
        extra: dict[str, Any] = {"img_size": input_size} if is_fixed else {}
        model: nn.Module = timm.create_model(arch, pretrained=False, num_classes=classes, **extra)
    except Exception as error:  # each family of timm raises its own kinds
        raise CheckpointError(
            f"Expected timm {timm.__version__} to build {arch!r} for images of {input_size[0]}×{input_size[1]} pixels. "
            f"Found {type(error).__name__}: {error}. Check the name, its tag and the input size."
        ) from error
    return model


def _linear_classifier(model: nn.Module) -> nn.Linear:
    for needed in ("forward_features", "forward_head", "get_classifier"):
        if not hasattr(model, needed):
            raise CheckpointError(
                f"Expected a timm image classifier. Found {type(model).__name__}, which has no {needed}(). "
                "Choose an architecture of timm."
            )
    linear = model.get_classifier()  # type: ignore[operator]
    if not isinstance(linear, nn.Linear):
        raise CheckpointError(
            f"Expected a classifier that is one linear layer. Found {type(linear).__name__} in {type(model).__name__}. "
            "Choose an architecture whose head is one nn.Linear, such as resnet18."
        )
    return linear


def _bias(linear: nn.Linear) -> Tensor:
    return torch.zeros_like(linear.weight[:, 0]) if linear.bias is None else linear.bias.detach()
