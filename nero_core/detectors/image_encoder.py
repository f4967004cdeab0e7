"""Features of images, as each method of the catalog scores them."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.catalog import find_spec
from nero_core.models.classifier import Classifier
from nero_core.types import ImageBatch


def image_encoder(
    name: str,
    classifier: Classifier,
    **hyper: Any,  # noqa: ANN401
) -> Callable[[Tensor], Tensor]:
    """What makes the features of a batch of images that a method of the catalog scores.

    Args:
        name: a key of ``DETECTORS``.
        classifier: the plain model.
        hyper: hyper-parameters of a method that looks at the image twice (ODIN's ``temperature`` and ``epsilon``).

    Returns:
        A function of RGB pixels in [0, 1] of shape ``batch 3 height width``, at the classifier's input size.

    Raises:
        NeroError: the name is not in the catalog.
    """
    second_pass = find_spec(name).second_pass
    if second_pass is None:
        return classifier.features

    def encode(pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch neurons"]:
        nameless = ("",) * len(pixels)
        return second_pass(classifier, ImageBatch(pixels, nameless, nameless), **hyper)

    return encode
