"""What a picture is like beside the pictures of the reference images."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nero_core.types import DrawnText, PictureMeasure


class _Sides(NamedTuple):
    lower: str
    higher: str


_WORDS: Mapping[str, _Sides] = {
    "light": _Sides("darker", "brighter"),
    "contrast": _Sides("of less contrast", "of more contrast"),
    "sharpness": _Sides("blurrier", "sharper"),
    "colourfulness": _Sides("less colourful", "more colourful"),
    "redness": _Sides("less red", "redder"),
    "aspect": _Sides("narrower", "wider"),
}


def picture_notes(
    measures: Sequence[PictureMeasure], sides: tuple[int, int], input_size: tuple[int, int], whole: int | None = None
) -> tuple[str, ...]:
    """What a reader should know of the picture before the verdict; nothing where it is as the reference images are.

    Args:
        measures: of ``Explorer.check_picture``.
        sides: height and width of the file's own picture, in pixels.
        input_size: height and width that the classifier reads.
        whole: number of reference images, of which some may have been measured; None = those that were.
    """
    told: dict[str, list[str]] = {}
    for one in measures:
        if side := one.side():
            share = one.share_below if side > 0 else 1 - one.share_below
            every = f"all {one.images} reference images"
            if whole is not None and one.images < whole:
                every += " that were measured"
            whom = every if share == 1 else "99 % of the reference images"
            told.setdefault(whom, []).append(_WORDS[one.name].higher if side > 0 else _WORDS[one.name].lower)
    notes = [f"The picture is {_listed(words)} than {whom}." for whom, words in told.items()]
    if min(sides[0] / input_size[0], sides[1] / input_size[1]) < 1:
        notes.append(
            f"It has {sides[1]} × {sides[0]} pixels and is enlarged to the {input_size[1]} × {input_size[0]} that the "
            "classifier reads."
        )
    return tuple(notes)


def drawn_text(text: DrawnText) -> str:
    """That something like text is drawn in the picture, and whereabouts."""
    return f"Something like text is drawn in the picture, {text.place}."


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
