"""Relevance at the feature layer in closed form: two matrix products for a whole batch, no loop, no hook."""

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.device import to_like
from nero_core.errors import NeroError
from nero_core.types import Head


def output_gain(
    logits: Float[Tensor, "batch classes"], initial_relevance: Float[Tensor, "batch classes"], epsilon: float
) -> Float[Tensor, "batch classes"]:
    """``g_i = s_i / (l_i + ε·sign(l_i))``: the initial relevance of each output over its stabilised logit.

    ``sign(0)`` counts as +1, and a logit that is exactly 0 passes nothing on when ε = 0.
    """
    stabilised = logits + epsilon * (1 - 2 * (logits < 0).to(logits))
    return (initial_relevance / stabilised).where(stabilised != 0, 0)


def neuron_relevance(
    features: Float[Tensor, "batch neurons"],
    head: Head,
    epsilon: float = 1e-6,
    initial_relevance: Float[Tensor, "batch classes"] | None = None,
) -> tuple[Float[Tensor, "batch neurons"], Float[Tensor, " batch"]]:
    """Signed relevance of every feature channel and of the bias, by the LRP-ε rule through the last linear layer.

    With logits ``l = W a + b`` and initial relevance ``s`` (the softmax output ``p`` unless given)::

        g_i = s_i / (l_i + ε·sign(l_i))      r_j = a_j · Σ_i g_i W_ij      r_β = Σ_i g_i b_i

    so that, for ε → 0, ``Σ_j r_j + r_β = Σ_i s_i``. In units of the initial relevance; for the softmax a
    probability.

    Args:
        features: ``a``, pooled features before the last linear layer.
        head: ``W`` and ``b``.
        epsilon: ε ≥ 0, in units of a logit.
        initial_relevance: ``s``; None = softmax of the logits.

    Returns:
        ``r`` and ``r_β``, in the dtype and on the device of the features.

    Reference:
        Chhetri et al., NERO, MICCAI 2025; Bach et al., PLOS ONE 2015 (LRP-ε).

    Differs:
        The published code has ε = 0, where relevance grows without bound as a logit nears 0. The default here, 1e-6,
        keeps it finite and moves no score by more than rounding elsewhere.
    """
    logits = head.logits(features)
    gain = output_gain(logits, logits.softmax(dim=1) if initial_relevance is None else initial_relevance, epsilon)
    return features * (gain @ to_like(head.weight, features)), gain @ to_like(head.bias, features)


def initial_class_relevance(
    probabilities: Float[Tensor, "batch classes"], target: int
) -> Float[Tensor, "batch classes"]:
    """Initial relevance of a class heatmap: the softmax output of one class, 0 at all others.

    Raises:
        NeroError: there is no such class.
    """
    classes = probabilities.shape[1]
    if not 0 <= target < classes:
        raise NeroError(
            f"Expected a class index from 0 to {classes - 1}. Found {target}. Choose a class of the bundle."
        )
    initial_relevance = torch.zeros_like(probabilities)
    initial_relevance[:, target] = probabilities[:, target]
    return initial_relevance
