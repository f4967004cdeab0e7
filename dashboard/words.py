"""Numbers into sentences. Plain and precise; never a diagnosis."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from nero_core.types import BlockConservation, Channels, Concept, Detection, Faithfulness, Verdict

SYMBOL: dict[Verdict, str] = {"like": "●", "borderline": "▲", "unlike": "◆"}
HEADLINE: dict[Verdict, str] = {
    "like": "Like the reference images",
    "borderline": "Borderline",
    "unlike": "Unlike the reference images",
}
ADVICE: dict[Verdict, str] = {
    "like": "Nothing about this image stands out from the reference set.",
    "borderline": "Accepted, but few reference images score as high. Worth a second look.",
    "unlike": "Have it looked at.",
}

DIMMED = (
    "Dimmed: the probability only compares the classes that the classifier knows, and this image is unlike all of them."
)

SYNTHETIC = "This reference set is drawn, not taken: its verdict on a real image means little."

#: what each figure of the benchmark means, in one line
MEANING = {
    "auroc": "How often an OOD image scores above an ID image. 100 = always, 50 = guessing. Higher is better.",
    "fpr95_id_positive": "OOD images accepted when 95 % of ID images are accepted. Lower is better.",
    "fpr95_ood_positive": "ID images rejected when 95 % of OOD images are rejected. Lower is better.",
    "aupr_in": "Average precision with ID as the class to find; depends on how many images of each there are.",
    "aupr_out": "Average precision with OOD as the class to find; depends on how many images of each there are.",
    "interval": "95 % bootstrap interval: where the figure lies when the images are drawn anew.",
    "seconds_per_image": "Time to score one image that has been through the network; the forward pass is not in it.",
}

LITTLE_CONTRAST = 0.1  # of the probability: the image against its blurred self

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MEASURES = {
    "auroc": "AUROC",
    "aupr": "AUPR",
    "fpr95_id_positive": "FPR95 (ID positive)",
    "fpr95_ood_positive": "FPR95 (OOD positive)",
}
_OURS = {"nero": "NERO", "nero_plus": "NERO+"}
_FIGURE = re.compile(rf"([a-z_]+?)_({'|'.join(_MEASURES)})(?: (.+))?")
_FIGURES = {
    "held_out_id_images": "Held-out ID images",
    "held_out_ood_images": "Held-out OOD images",
    "id_accuracy": "Accuracy on ID images",
}
_BREAKING = re.compile(r"[^\S\u00a0\u202f]+")  # white space, but for the spaces that hold a number to its unit
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")


def plain(text: str) -> str:
    """Text that Markdown shows as it is. File names are hostile: they could hold links, pictures or formulas."""
    return _MARKDOWN.sub(r"\\\1", _BREAKING.sub(" ", text).strip(" "))


def number(value: float, digits: int = 3) -> str:
    """A number for reading: three significant digits, powers of ten written out, a true minus sign."""
    if not math.isfinite(value):
        return "not defined"
    if value == 0:
        return "0"
    size = abs(value)
    if 0.0005 <= size < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        shown = f"{size:.{decimals}f}"
    else:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        shown = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return f"−{shown}" if value < 0 else shown


def percent(share: float) -> str:
    """``0.975`` → ``97.5 %``, with a space that does not break: up to three significant digits, a true minus sign."""
    return f"{float(f'{100 * share:.3g}'):g}\u00a0%".replace("-", "−", 1)


def figure(name: str) -> str:
    """A figure of the card, named: ``nero_auroc polyps`` → ``NERO AUROC, polyps``; an unknown name stays as it is."""
    known = _FIGURE.fullmatch(name)
    if known is None:
        return _FIGURES.get(name, name)
    detector, measure, of_class = known.groups()
    return f"{_OURS.get(detector, detector.upper())} {_MEASURES[measure]}" + (f", {of_class}" if of_class else "")


def p_value(p: float, calibration_size: int) -> str:
    """The conformal p-value, with what it counts and the smallest it can be."""
    count = max(0, round(p * (calibration_size + 1)) - 1)
    if count == 0:
        return (
            f"p = {number(p, 2)}: none of the {calibration_size} calibration images scored as high. "
            f"1/{calibration_size + 1} is the smallest p that {calibration_size} images can give."
        )
    return f"p = {number(p, 2)}: {count} of the {calibration_size} calibration images scored as high or higher."


def threshold(detection: Detection, index: int) -> str:
    """Where the score lies, and what the threshold was set to."""
    side = "above" if bool(detection.is_ood[index]) else "at or below"
    return (
        f"{number(float(detection.score[index]))}, {side} the threshold {number(detection.threshold)}, "
        f"which accepts {percent(detection.tpr)} of reference images"
    )


def use(relevance: float, centroid: float) -> str:
    """How an image uses a channel against its nearest class: ``over-used ×3.1``, ``under-used ×0.4``, ``missing``."""
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


def concept(item: Concept) -> str:
    """The heading of a concept: ``417 over-used ×3.1``."""
    return f"{item.channel} {use(item.relevance, item.centroid)}"


def channel(channels: Channels, index: int, class_names: tuple[str, ...] | list[str]) -> str:
    """One channel of one image, said in a sentence."""
    here, usual = float(channels.relevance[index]), float(channels.centroid[index])
    part, whole = float(channels.share[index]), float(channels.share.sum())
    of_distance = f" ({percent(part / whole)})" if whole > 0 else ""
    return (
        f"Channel {index}: relevance {number(here)} here, {number(usual)} on average in "
        f"{class_names[channels.nearest]}; {use(here, usual)}. Adds {number(part)}{of_distance} to the distance."
    )


MUCH_CANCELLATION = 3.0


def conservation(value: float, is_evidence: bool = False, cancellation: float = 1.0) -> str:
    """How much of the relevance a heatmap kept; evidence starts from the over-used channels alone.

    Args:
        value: sum of the map over what it started from; nan where nothing started.
        is_evidence: whether it is the evidence map.
        cancellation: Σ|R| of the map over what it started from.
    """
    if not math.isfinite(value):
        none = "no channel is over-used in this image" if is_evidence else "no relevance started here"
        return f"Nothing to show: {none}."
    if cancellation == 0:
        return "Nothing to show: relevance started, but none of it arrived at the pixels."
    cancels = (
        f" Positive and negative parts mostly cancel: together they are {number(cancellation, 2)} times what it "
        "started from."
        if cancellation > MUCH_CANCELLATION
        else ""
    )
    if not -0.005 <= value <= 1.05:  # negative contributions and biases add to it under some composites
        return f"Comes to {number(value)} of the relevance it started from (1.00 = nothing lost or added).{cancels}"
    return f"Keeps {value:.2f} of the relevance it started from (1.00 = nothing lost).{cancels}"


def method(name: str) -> str:
    """A method's name in a sentence: ours in capitals, the others as the catalog and the command line name them."""
    return _OURS.get(name, name)


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
    said = f"{method(best)} separates them best, with AUROC {interval(*figure)}. "
    if within:
        are = "other's interval reaches" if len(within) == 1 else "others' intervals reach"
        said += f"{len(within)} {are} into its own, so the order is not settled. "
    if best != "nero" and "nero" in ranked:
        rank, figure = ranked["nero"]
        said += f"NERO is number {rank} of {len(ranked)}, with {interval(*figure)}. "
    return said.strip()


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
    said = f"Of {len(verdicts)} methods, {', '.join(told[:-1])} and {told[-1]}."
    unlike = {name for name, verdict in verdicts.items() if verdict == "unlike"}
    accepted = verdicts.keys() - unlike
    if "nero" in verdicts:
        said += f" NERO says {verdicts['nero']}."
    if not unlike:
        return said
    if "nero" in verdicts:
        against = accepted if "nero" in unlike else unlike
        return f"{said} {_camp(against, families, 'disagrees with NERO', 'disagree with NERO')}" if against else said
    fewer = min(unlike, accepted, key=len)
    return f"{said} {_camp(fewer, families, 'says otherwise', 'say otherwise')}"


def _camp(names: Collection[str], families: Mapping[str, str], one: str, more: str) -> str:
    """Who the others are: the name where it is one, the family that most of them have, or that they are mixed."""
    if len(names) == 1:
        name = next(iter(names))
        return f"Only {method(name)} {one} ({families[name]})."
    (family, count), *rest = Counter(families[name] for name in names).most_common()
    if not rest:
        return f"{'Both' if count == 2 else f'All {count}'} that {more} are {family} methods."
    if 2 * count > len(names):
        return f"Of the {len(names)} that {more}, most ({count}) are {family} methods."
    return f"The {len(names)} that {more} are of {1 + len(rest)} families."


def duration(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f}\u00a0s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}\u00a0h {minutes}\u00a0min" if hours else f"{minutes}\u00a0min"


def stage(name: str, done: int, total: int, seconds: float) -> str:
    """What a job is doing: ``Observing fit images: 96 of 381, for 12 s``."""
    what = f"{name[:1].upper()}{name[1:]}" if name else "Starting"
    far = f": {done} of {total}" if total > 1 else ""
    return f"{what}{far}, for {duration(seconds)}"


def contents(classes: Mapping[str, int], skipped: int) -> str:
    """What a set of images holds: ``60 images of 3 classes: a 20, b 20, c 20``."""
    total, count = sum(classes.values()), len(classes)
    listing = listed([f"{name} {images}" for name, images in classes.items()])
    left = f" {skipped} other {'file is' if skipped == 1 else 'files are'} left out." if skipped else ""
    of = f"{count} {'class' if count == 1 else 'classes'}"
    return f"{total} {'image' if total == 1 else 'images'} of {of}: {listing}.{left}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """``a, b and c``, or the first ones and how many more there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def waiting(ahead: int, at_once: int) -> str:
    """Why a job has not begun."""
    first = ahead - at_once + 1
    if first <= 0:
        return "It is about to start."
    behind = "one that was asked for earlier" if first == 1 else f"{first} that were asked for earlier"
    return f"The server runs {at_once} jobs at once; this one starts after {behind}."


# Learn and the what-if panel

ALL_ZERO = (
    "The relevance of this image is 0 in every channel: the network saw nothing in it that it knows, as in an "
    "all-black picture. There is no channel to compare. Choose another image, or a sample."
)


def tex(value: float, digits: int = 3) -> str:
    """A number inside a formula: ``1.2 \\cdot 10^{-7}``."""
    shown = number(value, digits).replace("\u2212", "-")
    if not math.isfinite(value):
        return r"\text{not defined}"
    mantissa, times, exponent = shown.partition(" × 10")
    if not times:
        return shown
    return rf"{mantissa} \cdot 10^{{{exponent.translate(_FROM_SUPERSCRIPT)}}}"


_FROM_SUPERSCRIPT = {digit: chr(plain_digit) for plain_digit, digit in _SUPERSCRIPT.items()}


def change(before: float, after: float) -> str:
    """What a score did: ``0.41 → 1.80, 4.4 times as high``."""
    said = f"{number(before)} → {number(after)}"
    if before <= 0 or after <= 0:
        return said
    ratio = after / before
    if 0.995 < ratio < 1.005:
        return f"{said}, {'unchanged' if after == before else 'hardly changed'}"
    return f"{said}, {number(ratio, 2)} times as high" if ratio > 1 else f"{said}, {number(ratio, 2)} of what it was"


def not_offered(what: str, asked: str, shown: str) -> str:
    """The link asks a widget for what it does not offer."""
    return f"The link's {what} {plain(asked[:40])} is not available here; this is {plain(shown)}."


def tally(right: int, total: int) -> str:
    """``7 of 10 right``."""
    return f"{right} of {total} right"


# page "Neuron explorer"


def no_such_channel(asked: str, size: int) -> str:
    """The link names a channel that is none."""
    return (
        f"The link names the channel {plain(asked[:40])}. Expected a number from 0 to {size - 1}: this classifier has "
        f"{size} channels. Choose one below."
    )


def channel_in_set(class_name: str, mean_relevance: float, selectivity: float, separation: float, has_ood: bool) -> str:
    """What one channel is in the reference set, in three sentences."""
    told = (
        f"Used most for {class_name}, with mean relevance {number(mean_relevance)}. "
        f"The class explains {percent(float(f'{selectivity:.2g}'))} of its variance over images (class selectivity)."
    )
    if not has_ood:
        return f"{told} OOD separation is unknown: this reference set came without OOD images."
    how = "hardly" if separation < 0.6 else "partly" if separation < 0.8 else "well"
    return f"{told} Alone it {how} separates ID from OOD images (AUROC {number(separation, 2)}; 0.5 = not at all)."


def chosen_images(counts: Mapping[str, int]) -> str:
    """What a lasso caught: ``37 images chosen: 20 normal-cecum and 17 normal-z-line.``"""
    total = sum(counts.values())
    listing = listed([f"{count} {name}" for name, count in counts.items()])
    return f"{total} {'image' if total == 1 else 'images'} chosen: {listing}."


def weight(value: float) -> str:
    """What a head weight does: speaks for or against the class."""
    return f"{number(value, 2)}, {'for' if value > 0 else 'against' if value < 0 else 'neither'}"


def faithfulness(figures: Faithfulness, class_name: str) -> str:
    """Whether a heatmap is faithful in this image, how it compares with chance and with the plain gradient."""
    gain, stray = figures.gain, number(figures.spread, 2)
    whole, blurred = float(figures.heatmap.deletion[0]), float(figures.heatmap.deletion[-1])
    if not figures.is_weak:
        said = f"Faithful here: the probability of {class_name} hangs on what the map calls relevant."
    elif gain < -figures.margin:
        said = f"Weak: blurring what the map calls relevant helps {class_name} more than chance would."
    else:
        said = "Weak: the map ranks the parts of this image not clearly better than chance."
    said += f" Gain {number(gain, 2)} (random orders: 0 ± {stray}; plain gradient: {number(figures.gradient_gain, 2)})."
    if figures.gradient_gain > max(gain, figures.margin):
        said += " The plain gradient does better."
    if abs(figures.contrast) < LITTLE_CONTRAST:
        said += (
            f" The test tells little here: even with all of the image blurred the probability is {blurred:.2f}, "
            f"against {whole:.2f}."
        )
    return said


def composite_missing(asked: str, title: str) -> str:
    """The URL names a composite that is not to be had."""
    return f"The link names the composite {plain(asked)}, which does not suit this classifier. This is {title}."


def lost(blocks: Sequence[BlockConservation]) -> str:
    """Where relevance goes between the output and the pixels, in a sentence."""
    taken = blocks[-1].absorbed if blocks else 0.0
    if not blocks or not math.isfinite(blocks[-1].ratio):
        return "No relevance started here."
    if abs(blocks[-1].ratio - 1) > 0.05:
        return "This composite does not conserve relevance: the figures say how far it drifts from block to block."
    start = (blocks[-1].relevance + taken) / blocks[-1].ratio
    if abs(taken) <= 0.005 * abs(start):
        return "All of it reaches the pixels; biases take none."
    if taken / start < 0:
        return f"Biases add {percent(-taken / start)} to it on the way; all of that reaches the pixels."
    return f"Biases take {percent(taken / start)} of it on the way; the rest reaches the pixels."
