"""What every stage of the network says of images."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

LAST_STAGE = "features"  # the input of the head


@dataclass(frozen=True, slots=True)
class Stages:
    """Channels at every depth, by the name of the stage in the order of the network; ``features`` is the last.

    Attributes:
        means: mean of every channel over all positions; at the last stage the features themselves.
        relevance: of every channel for the predicted class's logit, ``a_j W_ŷj`` at the last stage; None before it,
            where the methods need none.
    """

    means: Mapping[str, Float[Tensor, "batch _"]]
    relevance: Mapping[str, Float[Tensor, "batch _"] | None]
