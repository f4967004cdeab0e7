"""Short wordings that the screen, the figures and the files share, so that all of them say the same."""

from nero_core.explain.figures import number

MUCH_CANCELLATION = 3.0  # Σ|R| over |ΣR|: from here on a map's sum says little of what it shows


def channel_use(relevance: float, centroid: float) -> str:
    """How an image uses a channel against its nearest class: ``over-used ×3.1``, ``under-used ×0.40``, ``missing``."""
    if relevance > centroid:
        if centroid > 0 and relevance / centroid < 100:
            ratio = relevance / centroid
            return "slightly over-used" if ratio < 1.05 else f"over-used ×{number(ratio, 2)}"
        return "used only here"
    if relevance == centroid:
        return "used as much"
    if centroid <= 0:
        return "speaks against"
    ratio = relevance / centroid
    if ratio < -0.05:
        return "turned against"
    return "missing" if ratio < 0.1 else f"under-used ×{number(ratio, 2)}"


def cancelling(cancellation: float) -> str:
    """That a map's two signs mostly cancel, as the end of a sentence; empty where they do not.

    Args:
        cancellation: Σ|R| of the map over |what it started from|; nan where nothing started.
    """
    if not cancellation > MUCH_CANCELLATION:
        return ""
    return f"positive and negative parts mostly cancel: together {number(cancellation, 2)} times what it started from"
