"""The place of a DICOM file in its study, by its numbers; names of files and of patients play no part."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.tag import Tag

from nero_core.data.dicom_file import read_dicom
from nero_core.data.file_kind import DICOM, image_kind
from nero_core.data.limits import Limits

_TAGS = "SOPInstanceUID StudyInstanceUID SeriesInstanceUID SeriesNumber InstanceNumber".split()
_BEFORE_PIXELS = 2**20  # bytes of a file in which they stand
_LAST = 2**31  # number of what has none


@dataclass(frozen=True, slots=True, order=True)
class StudyPlace:
    """What DICOM files are sorted by: study, series by its number, image by its number.

    Attributes:
        study: its UID.
        series_number: as the file has it; a large one where it has none.
        series: its UID.
        number: of the image in its series; a large one where it has none.
        image: its UID.
    """

    study: str
    series_number: int
    series: str
    number: int
    image: str

    @classmethod
    def numbered(
        cls, study: str, series_number: int | None, series: str, number: int | None, image: str
    ) -> "StudyPlace":
        """What has no number comes last."""
        return cls(study, _number(series_number), series, _number(number), image)

    @property
    def has_series_number(self) -> bool:
        """Whether the file says it."""
        return self.series_number < _LAST

    @property
    def has_number(self) -> bool:
        """Whether the file says it."""
        return self.number < _LAST


def study_place(path: Path, limits: Limits = Limits()) -> StudyPlace | None:
    """The place of a file; None of one that is no DICOM, cannot be read, or names no study."""
    try:
        with path.open("rb") as file:
            head = file.read(_BEFORE_PIXELS)
        if image_kind(head) != DICOM:
            return None
        elements = read_dicom(head, limits, tuple(Tag(name) for name in _TAGS), pixels=False).elements
        image, study, series = (str(elements.get(name) or "") for name in _TAGS[:3])
        numbers = [elements.get(name) for name in _TAGS[3:]]
        series_number, number = (None if value in (None, "") else int(value) for value in numbers)
    except Exception:  # whoever decodes the file says what is wrong with it
        return None
    return StudyPlace.numbered(study, series_number, series, number, image) if study else None


def _number(number: int | None) -> int:
    return _LAST if number is None else number
