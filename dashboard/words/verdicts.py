"""What scores and experiments do, and how many answers were right."""

from nero_core.figures import number
from nero_core.types import Detection


def change(before: float, after: float) -> str:
    """What a score did: ``0.41 → 1.80, 4.4 times as high``."""
    text = f"{number(before)} → {number(after)}"
    if before <= 0 or after <= 0:
        return text
    ratio = after / before
    if 0.995 < ratio < 1.005:
        return f"{text}, {'unchanged' if after == before else 'hardly changed'}"
    return f"{text}, {number(ratio, 2)} times as high" if ratio > 1 else f"{text}, {number(ratio, 2)} of what it was"


def experiment(did: str, before: Detection, after: Detection) -> str:
    """What a prepared experiment did to one image, by NERO: nothing is said that these two answers do not show.

    Args:
        did: what was done, as the subject of a sentence: ``the blur``.
        before: of the image as it is.
        after: of the image as it was changed.
    """
    moved = f"p {number(float(before.p_value[0]), 2)} → {number(float(after.p_value[0]), 2)}"
    was_unlike, is_unlike = bool(before.is_ood[0]), bool(after.is_ood[0])
    if was_unlike and is_unlike:
        return f"With {did} NERO still calls the image unlike ({moved})."
    if was_unlike:
        says = f"With {did} NERO no longer calls the image unlike ({moved}, now {after.verdict(0)})."
        return f"{says} A pass is no proof that nothing is there."
    if is_unlike:
        return f"With {did} NERO calls the image unlike, and before it did not ({moved}). It judges the picture."
    return f"With {did} NERO still lets the image pass ({moved}). Not every change that you see counts for it."


def tally(right: int, total: int) -> str:
    """``7 of 10 right``."""
    return f"{right} of {total} right"
