"""What the comparison of methods says."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping

from nero_core.detectors import OURS
from nero_core.figures import percent
from nero_core.types import VERDICT, Verdict

#: what each figure of the benchmark means, in one line
MEANING = {
    "auroc": "How often an OOD image scores above an ID image. 100 = always, 50 = guessing. Higher is better.",
    "fpr95_id_positive": "OOD images that pass when 95 % of ID images pass. Lower is better.",
    "fpr95_ood_positive": "ID images rejected when 95 % of OOD images are rejected. Lower is better.",
    "aupr_in": "Average precision with ID as the class to find; depends on how many images of each there are.",
    "aupr_out": "Average precision with OOD as the class to find; depends on how many images of each there are.",
    "interval": "95 % bootstrap interval: where the figure lies when the images are drawn again.",
    "seconds_per_image": "Time to score one image that has been through the network; the forward pass is not in it.",
}
_MEASURES = {
    "auroc": "AUROC",
    "aupr": "AUPR",
    "fpr95_id_positive": "FPR95 (ID positive)",
    "fpr95_ood_positive": "FPR95 (OOD positive)",
}
_FIGURE = re.compile(rf"([a-z_]+?)_({'|'.join(_MEASURES)})(?: (.+))?")
_FIGURES = {
    "held_out_id_images": "Held-out ID images",
    "held_out_ood_images": "Held-out OOD images",
    "id_accuracy": "Accuracy on ID images",
}


def figure(name: str) -> str:
    """A figure of the card, named: ``nero_auroc polyps`` → ``NERO AUROC, polyps``; an unknown name stays as it is."""
    known = _FIGURE.fullmatch(name)
    if known is None:
        return _FIGURES.get(name, name)
    detector, measure, of_class = known.groups()
    return f"{OURS.get(detector, detector.upper())} {_MEASURES[measure]}" + (f", {of_class}" if of_class else "")


def method(name: str) -> str:
    """A method's name in a sentence: ours in capitals, the others as the catalog and the command line name them."""
    return "verdict, by two tests" if name == VERDICT else OURS.get(name, name)


def others_explained(shown: str) -> str:
    """Whose the explanations are, on a page whose verdict is by another method than NERO or its two tests."""
    return f"Channels, concepts and missing evidence on this page explain NERO's score, not that of {shown}."


def interval(value: float, low: float, high: float) -> str:
    """A share with its 95 % interval, in percent: ``76.6 % (74.1 to 78.9)``."""
    if not math.isfinite(value):
        return "not defined"
    return f"{100 * value:.1f}\u00a0% ({100 * low:.1f} to {100 * high:.1f})"


def standing(ranked: Mapping[str, tuple[int, tuple[float, float, float]]]) -> str:
    """Who separates ID from OOD best, and where NERO stands.

    Args:
        ranked: rank and AUROC with its interval (value, low, high) of each method, the best first.
    """
    if not ranked:
        return "No method could be compared."
    (best, (_, figure)), *others = ranked.items()
    within = [name for name, (_, (_, _, high)) in others if high >= figure[1]]
    text = f"{method(best)} separates them best, with AUROC {interval(*figure)}. "
    if within:
        are = "other's interval reaches" if len(within) == 1 else "others' intervals reach"
        text += f"{len(within)} {are} into its own, so the order is not settled. "
    if best != "nero" and "nero" in ranked:
        rank, figure = ranked["nero"]
        text += f"NERO is number {rank} of {len(ranked)}, with {interval(*figure)}. "
    return text.strip()


def served_best(ranked: Mapping[str, tuple[int, tuple[float, float, float]]], chosen: str, disagree: bool) -> str:
    """Which method served the reference set best on its own OOD images, in one line beside a verdict.

    Said where another than the chosen method is clearly better (its AUROC lies above the chosen one's interval), and
    where the verdict's two tests disagree; else nothing.

    Args:
        ranked: as in ``standing``.
        chosen: the method that the verdict is by.
        disagree: whether one test says unlike and the other usual.
    """
    if chosen not in ranked:
        return "The two tests disagree." if disagree else ""
    best, (_, (value, _, _)) = next(iter(ranked.items()))
    _, (own, _, high) = ranked[chosen]
    is_clear = value > high
    if not (disagree or is_clear):
        return ""
    lead = "The two tests disagree. " if disagree else ""
    text = f"{lead}On this reference set's own OOD images, {method(best)} serves best: AUROC {percent(round(value, 3))}"
    if best == chosen:
        return f"{text}."
    return f"{text} (this verdict: {percent(round(own, 3))}{'' if is_clear else ', no clear difference'})."


def agreement(verdicts: Mapping[str, Verdict], families: Mapping[str, str]) -> str:
    """What the methods say of one image, and who disagrees: counts first, then NERO, then the smaller camp's families.

    A borderline image is accepted, so it stands with those that say like.

    Args:
        verdicts: of each method.
        families: what each method's score is made of.
    """
    if not verdicts:
        return "No method can answer for this image."
    counts = Counter(verdicts.values())
    told = [
        f"{counts[verdict]} {'says' if counts[verdict] == 1 else 'say'} {verdict}"
        for verdict in ("unlike", "borderline", "like")
        if counts[verdict]
    ]
    if len(told) == 1:
        only = next(iter(counts))
        return f"All {len(verdicts)} methods say {only}." if len(verdicts) > 1 else f"The one method says {only}."
    text = f"Of {len(verdicts)} methods, {', '.join(told[:-1])} and {told[-1]}."
    unlike = {name for name, verdict in verdicts.items() if verdict == "unlike"}
    accepted = verdicts.keys() - unlike
    if "nero" in verdicts:
        text += f" NERO says {verdicts['nero']}."
    if not unlike:
        return text
    if "nero" in verdicts:
        against = accepted if "nero" in unlike else unlike
        return f"{text} {_camp(against, families, 'disagrees with NERO', 'disagree with NERO')}" if against else text
    fewer = min(unlike, accepted, key=len)
    return f"{text} {_camp(fewer, families, 'says otherwise', 'say otherwise')}"


def _camp(names: Collection[str], families: Mapping[str, str], alone: str, more: str) -> str:
    """Who the others are: the name where it is one, the family that most of them have, or that they are mixed."""
    if len(names) == 1:
        name = next(iter(names))
        return f"Only {method(name)} {alone} ({families[name]})."
    (family, count), *rest = Counter(families[name] for name in names).most_common()
    if not rest:
        return f"{'Both' if count == 2 else f'All {count}'} that {more} are {family} methods."
    if 2 * count > len(names):
        return f"Of the {len(names)} that {more}, most ({count}) are {family} methods."
    return f"The {len(names)} that {more} are of {1 + len(rest)} families."
