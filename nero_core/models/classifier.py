"""A timm classifier seen as pooled features and a linear head."""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.errors import CheckpointError
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
        self.model = model.eval().requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)
        self.head = Head(linear.weight.detach(), _bias(linear))
        self._mean = torch.tensor(self.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(self.std, device=self.device).view(1, 3, 1, 1)

    @torch.no_grad()
    def features(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch neurons"]:
        """Pooled features of RGB pixels in [0, 1]."""
        pixels = (pixels.to(self.device) - self._mean) / self._std
        maps = self.model.forward_features(pixels.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]
        features: Tensor = self.model.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return features

    def observe(self, batch: ImageBatch, batch_size: int = 32) -> Observation:
        """The one forward pass over a batch, in slices of ``batch_size`` images, which bounds the memory it takes."""
        features = torch.cat([self.features(pixels) for pixels in batch.pixels.split(batch_size)])
        labels = None if batch.labels is None else batch.labels.to(self.device)
        return Observation(features, self.head, batch.ids, labels)


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
        CheckpointError: timm does not know the architecture, or its classifier is not one linear layer.
    """
    if not timm.is_model(arch):
        raise CheckpointError(
            f"Expected the name of an architecture that timm {timm.__version__} knows. Found {arch!r}. "
            "Look the name up with timm.list_models()."
        )
    extra: dict[str, Any] = {} if _fixed_size(arch) is None else {"img_size": input_size}
    model = timm.create_model(arch, pretrained=False, num_classes=len(class_names), **extra)
    return Classifier(model, class_names, input_size, mean, std, device)


def _fixed_size(arch: str) -> tuple[int, ...] | None:
    """The input size that the architecture is built for, or None where any size will do."""
    config = timm.get_pretrained_cfg(arch, allow_unregistered=False)
    return config.input_size if config is not None and config.fixed_input_size else None


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
