"""What is said of an image beside its verdict: its picture against theirs, and the reference images nearest to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureMeasure:
    """One plain measure of a picture, held against the pictures of the reference images.

    Attributes:
        name: a key of ``MEASURES``.
        value: of this picture.
        lowest: of the reference images.
        highest: of the reference images.
        share_below: share of the reference images with a lower value, in [0, 1]; those with the same value count half.
        images: number of reference images that were measured.
    """

    name: str
    value: float
    lowest: float
    highest: float
    share_below: float
    images: int

    def side(self, beyond: float = 0.005) -> int:
        """−1 where at most this share of the reference images lies lower, 1 where at most it lies higher, else 0."""
        return -1 if self.share_below <= beyond else 1 if self.share_below >= 1 - beyond else 0


@dataclass(frozen=True, slots=True)
class SimilarCases:
    """The reference images nearest to an image, by the angle between features.

    Attributes:
        ids: of fit images, nearest first.
        classes: their classes.
        distances: Euclidean, between features of unit length; in [0, 2].
        limit: distance to the nearest fit image within which ``share`` of the calibration images lie.
        share: that share.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    distances: tuple[float, ...]
    limit: float
    share: float

    @property
    def is_near(self) -> bool:
        """Whether the nearest is as near as reference images are to one another; if not, none is called similar."""
        return self.distances[0] <= self.limit


@dataclass(frozen=True, slots=True)
class DrawnText:
    """Something like a row of text that is drawn in a picture.

    Attributes:
        box: left, top, right and bottom of its longest row, in pixels of the picture.
        sides: height and width of the picture.
        characters: number of shapes in the row.
    """

    box: tuple[int, int, int, int]
    sides: tuple[int, int]
    characters: int

    @property
    def place(self) -> str:
        """Which ninth of the picture its middle lies in: ``at the upper left``, ``at the right``, ``in the middle``."""
        height, width = self.sides
        left, top, right, bottom = self.box
        row, column = min(2, 3 * (top + bottom) // (2 * height)), min(2, 3 * (left + right) // (2 * width))
        words = " ".join(filter(None, (("upper", "", "lower")[row], ("left", "", "right")[column])))
        if column == 1:
            return ("at the top", "in the middle", "at the bottom")[row]
        return f"at the {words}"
