"""What channels, heatmaps and their tests say."""

import math
from collections.abc import Mapping, Sequence

from dashboard.words.numbers import listed, plain
from nero_core.figures import (
    MUCH_CANCELLATION,
    UNLIKE,
    conservation_text,
    conservation_text_briefly,
    number,
    percent,
    stage_name,
)
from nero_core.figures import channel_use as use
from nero_core.types import (
    BlockConservation,
    Channels,
    Concept,
    DistanceShares,
    Explanation,
    Faithfulness,
    Unlikeness,
)

WHOLE = (
    0.05  # a map that sums to 1 within this accounts for the whole: rounding, and the little that biases take or add
)
NEAR = 0.1  # a map by a sum of gradients adds up within this
LITTLE_CONTRAST = 0.1  # of the probability: the image against its blurred self
ALL_ZERO = (
    "The relevance of this image is 0 in every channel: the network saw nothing in it that it knows, as in an "
    "all-black picture. There is no channel to compare. Choose another image, or a sample."
)


def concept(item: Concept) -> str:
    """The heading of a concept: ``Channel 417: used 3.1 times more than usual``."""
    return f"Channel {item.channel}: {use(item.relevance, item.centroid)}"


def channel(channels: Channels, index: int, class_names: tuple[str, ...] | list[str]) -> str:
    """One channel of one image, said in a sentence."""
    here, usual = float(channels.relevance[index]), float(channels.centroid[index])
    part, whole = float(channels.contribution[index]), float(channels.contribution.sum())
    of_distance = f" ({percent(part / whole)})" if whole > 0 else ""
    return (
        f"Channel {index}: relevance {number(here)} here, {number(usual)} on average in "
        f"{class_names[channels.nearest]}; {use(here, usual)}. Adds {number(part)}{of_distance} to the distance."
    )


def conservation(
    value: float, is_evidence: bool = False, cancellation: float = math.nan, own: str = "", explained: str = "score"
) -> str:
    """Whether a map accounts for all that it explains: ``Check: the map accounts for the whole score (1.00 of 1).``

    Args:
        value: sum of the map over the initial relevance; nan where that is 0.
        is_evidence: whether it is the evidence map, which explains the distance from channels used more than usual.
        cancellation: Σ|R| of the map over the initial relevance.
        own: that the map has a colour limit of its own; of ``own_limit``.
        explained: by the map.
    """
    if is_evidence and not math.isfinite(value):
        return "Nothing to show: no channel is used more than usual in this image."
    if cancellation == 0 or not math.isfinite(value):
        return f"Nothing to show: {conservation_text(value, cancellation)}."
    explained = "distance that these channels add" if is_evidence else explained
    if abs(value - 1) <= WHOLE:
        says = f"Check: the map accounts for the whole {explained} ({value:.2f} of 1)."
    elif -WHOLE <= value < 1:
        says = f"Check: the map accounts for a part of the {explained} ({max(value, 0.0):.2f} of 1)."
    else:
        says = f"Beware: the map does not add up to the {explained} ({number(value)} of 1)."
    if cancellation > MUCH_CANCELLATION:
        says += (
            f" Positive and negative parts mostly cancel: together they are {number(cancellation, 2)} times the whole."
        )
    return f"{says} {own[0].upper()}{own[1:]}." if own else says


def distance_shares(shares: DistanceShares, less: Mapping[str, float]) -> str:
    """What the distances are made of: ``31 % of NERO's distance is something missing, …``; empty where NERO's is 0.

    Args:
        shares: of NERO's distance.
        less: share of each stage's distance that is less than usual, at all depths; empty where there is none.
    """
    if not math.isfinite(shares.missing):
        return ""
    missing, counter, more = (round(100 * share) for share in (shares.missing, shares.counter, shares.more))
    says = (
        f"{missing} % of NERO's distance is something missing, {counter} % is counter-evidence, and {more} % is more "
        "than usual."
    )
    if min(missing, counter, more) < 0:
        says += " What is below 0 brings the image nearer to its class."
    if less:
        stages = listed([f"{round(100 * share)} % at {stage_name(name)}" for name, share in less.items()])
        says += f" Of the distances at all depths, less than usual makes {stages}."
    return says


def where_unlike(unlike: Unlikeness) -> str:
    """How much of the image is unlike the reference images, and how to read the map."""
    if not bool((unlike.heatmap > 0).any()):
        return (
            "Nothing in this image is unlike the reference images, patch by patch. What is missing has no place: it is "
            "listed below."
        )
    return (
        f"{UNLIKE}: {percent(unlike.share)} of this image, {percent(unlike.usual)} of usual ones. A bright patch is "
        "unlike what they show at this place, and unlike all of their patches. The colours end where 19 of 20 usual "
        "images never come. What is missing has no place: it is listed below."
    )


def heatmap_conservation(why: Explanation) -> str:
    """The same of the class heatmap, which by integrated gradients speaks of the detail of the image alone.

    ``Check: the map adds up to what the detail of the image adds to the logit (3.21 of 3.20). …``
    """
    path = why.path
    if path is None or not math.isfinite(why.conservation):
        return conservation(why.conservation, cancellation=why.cancellation)
    total, change = number(why.conservation * path.change), number(path.change)
    adds = "adds to" if path.change > 0 else "takes from"
    if abs(why.conservation - 1) <= NEAR:
        says = f"Check: the map adds up to what the detail of the image {adds} the logit ({total} of {change})."
    else:
        says = f"Beware: the map adds up to {total}, and the detail of the image {adds} the logit {change}."
    says += f" What the blurred image has without it, a logit of {number(path.blurred)}, has no place in the map."
    if why.cancellation > MUCH_CANCELLATION:
        says += (
            f" Positive and negative parts mostly cancel: together they are {number(why.cancellation, 2)} times the "
            "whole."
        )
    return says


def map_keeps(value: float, cancellation: float, own: str = "") -> str:
    """The same of one map of many: ``Keeps 0.97.``"""
    text = conservation_text_briefly(value, cancellation, own)
    return f"{text[0].upper()}{text[1:]}."


def faithfulness(figures: Faithfulness, class_name: str) -> str:
    """Whether a heatmap is faithful in this image, how it compares with chance and with the plain gradient."""
    gain, stray = figures.gain, number(figures.spread, 2)
    whole, blurred = float(figures.heatmap.deletion[0]), float(figures.heatmap.deletion[-1])
    if not figures.is_weak:
        text = f"Faithful here: the probability of {class_name} depends on what the map calls relevant."
    elif gain < -figures.margin:
        text = f"Weak: blurring what the map calls relevant helps {class_name} more than chance would."
    else:
        text = "Weak: the map's order of the parts of this image is not clearly better than chance."
    text += f" Gain {number(gain, 2)} (random orders: 0 ± {stray}; plain gradient: {number(figures.gradient_gain, 2)})."
    if figures.gradient_gain > max(gain, figures.margin):
        text += " The plain gradient does better."
    if abs(figures.contrast) < LITTLE_CONTRAST:
        text += (
            f" This test says little here: even with the whole image blurred the probability is {blurred:.2f}, "
            f"against {whole:.2f}."
        )
    return text


def faithfulness_otherwise(figures: Faithfulness) -> str:
    """The same by the logit, and with patches filled in instead of blurred; empty where these were not measured."""
    if not figures.others:
        return ""
    logit = figures.figures("logit", "blur")
    filled, filled_logit = figures.figures("probability", "linear"), figures.figures("logit", "linear")
    return (
        f"By the logit, which never saturates: {_weak_or_not(logit)}. With patches filled in from what is around them "
        f"instead of blurred: {_weak_or_not(filled)} by the probability, {_weak_or_not(filled_logit)} by the logit."
    )


def _weak_or_not(figures: Faithfulness) -> str:
    """``faithful (gain 1.9, random orders 0 ± 0.3)``."""
    word = "weak" if figures.is_weak else "faithful"
    return f"{word} (gain {number(figures.gain, 2)}, random orders 0 ± {number(figures.spread, 2)})"


def lost(blocks: Sequence[BlockConservation]) -> str:
    """Where relevance goes between the output and the pixels, in a sentence."""
    taken = blocks[-1].absorbed if blocks else 0.0
    if not blocks or not math.isfinite(blocks[-1].ratio):
        return "No relevance here."
    if abs(blocks[-1].ratio - 1) > 0.05:
        return "This composite does not conserve relevance: the figures say how far it drifts from block to block."
    initial_relevance = (blocks[-1].relevance + taken) / blocks[-1].ratio
    if abs(taken) <= 0.005 * abs(initial_relevance):
        return "All of it reaches the pixels; biases take none."
    if taken / initial_relevance < 0:
        return f"Biases add {percent(-taken / initial_relevance)} to it on the way; all of that reaches the pixels."
    return f"Biases take {percent(taken / initial_relevance)} of it on the way; the rest reaches the pixels."


def no_such_channel(asked: str, size: int) -> str:
    """The link names a channel that is none."""
    return (
        f"The link names the channel {plain(asked[:40])}. Expected a number from 0 to {size - 1}: this classifier has "
        f"{size} channels. Choose one below."
    )


def channel_in_set(class_name: str, mean_relevance: float, selectivity: float, ood_auroc: float, has_ood: bool) -> str:
    """What one channel is in the reference set, in three sentences."""
    told = (
        f"Used most for {class_name}, with mean relevance {number(mean_relevance)}. "
        f"The class explains {percent(float(f'{selectivity:.2g}'))} of its variance over images (class selectivity)."
    )
    if not has_ood:
        return f"{told} OOD separation is unknown: this reference set came without OOD images."
    separation = max(ood_auroc, 1 - ood_auroc)
    how = "hardly" if separation < 0.6 else "partly" if separation < 0.8 else "well"
    more = "" if separation < 0.6 else f", most of which have {'more' if ood_auroc > 0.5 else 'less'} of it"
    return (
        f"{told} Alone it {how} separates ID from OOD images{more} (AUROC {number(separation, 2)}; 0.5 = not at all)."
    )


def chosen_images(counts: Mapping[str, int]) -> str:
    """What a lasso caught: ``37 images chosen: 20 normal-cecum and 17 normal-z-line.``"""
    total = sum(counts.values())
    listing = listed([f"{count} {name}" for name, count in counts.items()])
    return f"{total} {'image' if total == 1 else 'images'} chosen: {listing}."


def weight(value: float) -> str:
    """What a head weight does: speaks for or against the class."""
    return f"{number(value, 2)}, {'for' if value > 0 else 'against' if value < 0 else 'neither'}"
