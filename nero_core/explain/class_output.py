"""One class's outputs of the plain classifier, and its gradient at the pixels."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.models.classifier import Classifier
from nero_core.types import Output


def class_outputs(
    classifier: Classifier, target: int
) -> Callable[[Float[Tensor, "batch 3 height width"]], dict[Output, Float[Tensor, " batch"]]]:
    """Softmax probability and logit of one class, as functions of RGB pixels in [0, 1]; no gradient."""

    def values(pixels: Float[Tensor, "batch 3 height width"]) -> dict[Output, Float[Tensor, " batch"]]:
        logits = classifier.head.logits(classifier.features(pixels))
        return {"probability": logits.softmax(dim=1)[:, target], "logit": logits[:, target]}

    return values


def logit_gradient(
    classifier: Classifier, pixels: Float[Tensor, "1 3 height width"], target: int
) -> Float[Tensor, "height width"]:
    """The plain gradient as a heatmap: ``Σ_colour |∂l_c/∂x|``, ≥ 0, on the CPU.

    Of the logit, since the probability's gradient fades where the classifier is sure. Only the input has a gradient:
    the model keeps none and gets no hook, so that threads may share it.

    Reference:
        Simonyan et al., Deep inside convolutional networks, ICLR workshop 2014, who take the largest colour; the sum
        is as common and has no ties.
    """
    with torch.inference_mode(False), torch.enable_grad():
        image = pixels.detach().clone().to(classifier.device).requires_grad_()
        logit = classifier.head.logits(classifier.features_with_gradient(image))[0, target]
        gradient = torch.autograd.grad(logit, image)[0]
    return gradient[0].abs().sum(dim=0).cpu()
