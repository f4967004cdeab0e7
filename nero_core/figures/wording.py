"""Short wordings that the screen, the figures and the files share, so that all of them say the same."""

from math import isfinite, nan

from nero_core.figures.numbers import number
from nero_core.relevance.composites import COMPOSITES
from nero_core.types import Explanation, MeanRelevance, Unlikeness, Verdict

HEADLINE: dict[Verdict, str] = {
    "like": "Like the reference images",
    "borderline": "Borderline",
    "unlike": "Unlike the reference images",
}
UNLIKE = "Where it is unlike the reference images"  # title of the map
DISCLAIMER = "Research and teaching. Not a medical device."
SYNTHETIC = "This demo learned from computer-drawn pictures. Do not rely on its answer for real images."
MUCH_OF_FEW = 0.1  # of all relevance: where so few images hold more, their mean is said to be much theirs
MUCH_CANCELLATION = 3.0  # Σ|R| over |ΣR|: from here on a map's sum says little of what it shows
SIGNS_CANCEL = "“signs cancel ×n”: positive and negative parts together are n times the initial relevance"

_NONE, _ALL = -0.005, 1.05  # a share between them is called kept: rounding, and the little that biases add
_NOTHING_STARTED = "no relevance here"
_NOTHING_ARRIVED = "none of the relevance arrives at the pixels"


def channel_use(relevance: float, centroid: float) -> str:
    """How an image uses a channel against its nearest class: ``used 3.1 times more than usual``, ``missing``, …"""
    return _use(relevance, centroid)[0]


def channel_use_briefly(relevance: float, centroid: float) -> str:
    """The same where there is little room: ``used ×3.1``."""
    return _use(relevance, centroid)[1]


def here_and_usual(relevance: float, centroid: float) -> str:
    """A channel's relevance in the image and on average in its nearest class, in numbers.

    "Against" is no word for it: a channel may speak against a class.
    """
    return f"{number(relevance)} here, {number(centroid)} in the class"


def conservation_text(conservation: float, cancellation: float = nan, composite: str = "", own: str = "") -> str:
    """How much of the relevance a map keeps, the composite that made it, and whether its two signs mostly cancel.

    ``keeps 0.97 of relevance; ε+``, ``comes to −3.20 of relevance; positive and negative parts mostly cancel: …``

    Args:
        conservation: sum of the map over the initial relevance; nan where that is 0.
        cancellation: Σ|R| of the map over |the initial relevance|.
        composite: its name in the catalog.
        own: of ``own_limit``.
    """
    if not isfinite(conservation):
        return _NOTHING_STARTED
    if cancellation == 0:
        return _NOTHING_ARRIVED
    made_by = COMPOSITES[composite].title if composite in COMPOSITES else ""
    return "; ".join(filter(None, (f"{_share(conservation)} of relevance", made_by, cancelling(cancellation), own)))


def heatmap_text(explanation: Explanation) -> str:
    """The same of a class heatmap, which by integrated gradients adds up to what the image's detail does to the logit.

    ``adds up to 3.21 of the 3.20 that the detail of the image adds to the logit; integrated gradients``
    """
    path = explanation.path
    if path is None or not isfinite(explanation.conservation):
        return conservation_text(explanation.conservation, explanation.cancellation, explanation.composite)
    total, change = number(explanation.conservation * path.change), number(path.change)
    says = f"adds up to {total} of the {change} that the detail of the image adds to the logit"
    made_by = COMPOSITES[explanation.composite].title
    return "; ".join(filter(None, (says, made_by, cancelling(explanation.cancellation, "the whole"))))


def conservation_text_briefly(conservation: float, cancellation: float, own: str = "") -> str:
    """The same where there is little room: ``keeps 0.97``, ``comes to −0.33, signs cancel ×81``; see SIGNS_CANCEL.

    Args:
        conservation: as for ``conservation_text``.
        cancellation: as for ``conservation_text``.
        own: of ``own_limit``.
    """
    if not isfinite(conservation):
        return _NOTHING_STARTED
    if cancellation == 0:
        return _NOTHING_ARRIVED
    cancels = f", signs cancel ×{number(cancellation, 2)}" if cancellation > MUCH_CANCELLATION else ""
    return "; ".join(filter(None, (_share(conservation) + cancels, own)))


def unlike_text(unlike: Unlikeness) -> str:
    """How much of an image is unlike: ``12 % of this image, 1 % of usual ones``."""
    here, usual = (f"{number(100 * share, 2)} %" for share in (unlike.share, unlike.usual))
    return f"{here} of this image, {usual} of usual ones"


def own_limit(limit: float, shared: float) -> str:
    """That a map's colours are not those of the scale beside it; empty where they are."""
    return "" if limit == shared else f"own colours, to ±{number(limit)}"


def cancelling(cancellation: float, whole: str = "the initial relevance") -> str:
    """That a map's two signs mostly cancel, as the end of a sentence; empty where they do not.

    Args:
        cancellation: Σ|R| of the map over |the whole|; nan where that is 0.
        whole: what the map accounts for.
    """
    if not cancellation > MUCH_CANCELLATION:
        return ""
    return f"positive and negative parts mostly cancel: together {number(cancellation, 2)} times {whole}"


def mean_of_few(mean: MeanRelevance) -> str:
    """That few images make much of a mean relevance; empty where they do not.

    ``Beware: 3 of 309 ID images make up 43 % of this average``.
    """
    groups = (
        ("ID", mean.id_size, mean.id_few, mean.id_few_share),
        ("OOD", mean.ood_size, mean.ood_few, mean.ood_few_share),
    )
    parts = [
        f"{few} of {size} {name} images {'makes' if few == 1 else 'make'} up {100 * share:.0f} %"
        for name, size, few, share in groups
        if size and share > max(MUCH_OF_FEW, 2 * few / size)  # one image of five holds a fifth anyway
    ]
    average = "this average" if len(parts) == 1 else "their average"
    return f"Beware: {'; '.join(f'{part} of {average}' for part in parts)}" if parts else ""


def _use(relevance: float, centroid: float) -> tuple[str, str]:
    """In full, and where there is little room."""
    if relevance > centroid:
        if relevance < 0:
            return "argues against this class, less than usual", "against the class, less"
        if relevance == 0:
            return "not used", "not used"
        if centroid > 0 and relevance / centroid < 100:
            ratio = relevance / centroid
            if ratio < 1.05:
                return "used a little more than usual", "used a little more"
            return f"used {number(ratio, 2)} times more than usual", f"used ×{number(ratio, 2)}"
        return "used only here", "used only here"
    if relevance == centroid:
        return "used as usual", "used as usual"
    if centroid <= 0:
        return "argues against this class", "against the class"
    ratio = relevance / centroid
    if ratio < -0.05:
        return "argues against this class here", "against the class here"
    if ratio < 0.1:
        return "missing", "missing"
    return f"used {number(ratio, 2)} times as much as usual", f"used ×{number(ratio, 2)}"


def _share(conservation: float) -> str:
    """``keeps 0.97``; ``comes to 1.31`` where negative contributions or biases have added to it or turned it."""
    if _NONE <= conservation <= _ALL:
        return f"keeps {max(conservation, 0.0):.2f}"
    return f"comes to {number(conservation)}"
