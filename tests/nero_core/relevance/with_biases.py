"""ε+ as zennit has it."""

from zennit.core import Composite
from zennit.rules import ZPlus
from zennit.types import Convolution

from nero_core.relevance.composites import epsilon_plus
from nero_core.relevance.shared_forward import SharedForward


def epsilon_plus_with_biases() -> Composite:
    """Positive biases, also those merged from BatchNorm, take their share of the relevance."""
    composite = epsilon_plus()
    composite.layer_map = [(Convolution, SharedForward(ZPlus())), *composite.layer_map]
    return composite
