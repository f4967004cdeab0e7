"""ODIN: the temperature-scaled softmax of features seen after a small step of the pixels."""

from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nero_core.errors import CalibrationError
from nero_core.models.classifier import Classifier
from nero_core.types import Head, ImageBatch

if TYPE_CHECKING:
    from pytorch_ood.detector import MaxSoftmax

    from nero_core.detectors.baseline import Baseline

TEMPERATURE = 100.0  # of NERO's published comparison
EPSILON = 0.0005  # of the same, in units of the pixel range [0, 1]


def odin(head: Head, temperature: float = TEMPERATURE, epsilon: float = EPSILON) -> "Baseline":
    """ODIN's score, ``S = −max_c softmax(l/T)_c`` in [−1, 0], of features that ``perturbed_features`` gave.

    Args:
        head: the classifier's last linear layer.
        temperature: T > 0.
        epsilon: the step of the second pass, kept with the detector; the features must come from a pass with the same T
            and ε.

    Reference:
        Liang et al., Enhancing the reliability of out-of-distribution image detection in neural networks, ICLR 2018.

    Raises:
        CalibrationError: T or ε is out of range.
    """
    from nero_core.detectors.baseline import named_baseline

    _check_settings(temperature, epsilon)
    detector = named_baseline("ODIN")(partial(_scaled_softmax, temperature=temperature), head)
    detector.hyper = {"temperature": temperature, "epsilon": epsilon}
    return detector


def perturbed_features(
    classifier: Classifier,
    batch: ImageBatch,
    temperature: float = TEMPERATURE,
    epsilon: float = EPSILON,
    batch_size: int = 32,
) -> Float[Tensor, "batch neurons"]:
    """Features of each image after one step of its pixels towards a larger softmax of its predicted class.

    ``x̂ = x + ε·sign(∇ₓ log softmax(l(x)/T)_ŷ)``, by pytorch-ood's own preprocessing: two forward passes and one
    backward pass to the input. Pixels are those in [0, 1], before mean and deviation are taken out, and the step may
    leave that range, as the authors' does. Only the input has a gradient: the model keeps no gradient and gets no hook,
    so that threads may share it. An image's gradient does not depend on the images beside it.

    Args:
        classifier: the plain model.
        batch: images.
        temperature: T > 0.
        epsilon: ε ≥ 0, in units of the pixel range.
        batch_size: images per pass, which bounds the memory.

    Reference:
        Liang et al., ICLR 2018. The authors divide the step on normalised pixels by the deviation of each colour, which
        is this step on pixels in [0, 1].

    Raises:
        CalibrationError: T or ε is out of range.
    """
    from pytorch_ood.detector import odin_preprocessing

    _check_settings(temperature, epsilon)
    mean, deviation = (
        torch.tensor(values, device=classifier.device).view(1, 3, 1, 1) for values in (classifier.mean, classifier.std)
    )

    def logits(pixels: Tensor) -> Tensor:
        normalised = ((pixels - mean) / deviation).contiguous(memory_format=torch.channels_last)
        maps = classifier.model.forward_features(normalised)  # type: ignore[operator]
        return classifier.head.logits(classifier.model.forward_head(maps, pre_logits=True))  # type: ignore[operator]

    moved = []
    for pixels in batch.pixels.split(batch_size):
        step = odin_preprocessing(
            logits,  # a function will do
            pixels.to(classifier.device),
            criterion=nn.CrossEntropyLoss(reduction="sum"),  # a mean would scale with the batch
            eps=epsilon,
            temperature=temperature,
        )
        moved.append(classifier.features(step))
    return torch.cat(moved)


def _scaled_softmax(head: Head, temperature: float) -> "MaxSoftmax":
    from pytorch_ood.detector import MaxSoftmax

    return MaxSoftmax(None, t=temperature)


def _check_settings(temperature: float, epsilon: float) -> None:
    if not (temperature > 0 and epsilon >= 0):
        raise CalibrationError(
            f"Expected a temperature above 0 and ε ≥ 0. Found {temperature} and {epsilon}. "
            f"The published comparison has {TEMPERATURE:g} and {EPSILON:g}."
        )
