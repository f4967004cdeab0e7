"""What a distance is made of: what an image has more of than its nearest class, and what it has less of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DistanceShares:
    """NERO's distance, shared out exactly over three kinds of channels; the shares sum to 1.

    ``share_K = Σ_{j ∈ K} contribution_j / Σ_j contribution_j``, with the kinds of ``Channels``. Contributions are
    signed, so that each share is any real number: below 0, such channels bring the image nearer; above 1, others do.
    All are nan where the distance is 0.

    Attributes:
        more: of channels that the image uses more than the nearest class does, ``r_j > m_j``.
        missing: of channels that it uses less, ``r_j < m_j``, and that do not speak against.
        counter: of channels that are active in the image and speak against the prediction.
    """

    more: float
    missing: float
    counter: float
