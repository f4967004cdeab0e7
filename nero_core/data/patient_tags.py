"""What a DICOM file says of patient and study: read and shown only where the operator has turned it on."""

import os
from collections.abc import Mapping

from pydicom.tag import Tag

from nero_core.data.dicom_file import read_dicom
from nero_core.data.file_kind import DICOM, image_kind
from nero_core.data.limits import Limits

SHOW = "NERO_SHOW_STUDY_TAGS"
NAMES = (
    "PatientName PatientID PatientBirthDate AccessionNumber StudyDate StudyTime StudyDescription SeriesDescription "
    "Modality"
).split()
_LONGEST = 120  # characters of a value


def study_tags_are_shown(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the operator has turned "show study tags" on: ``NERO_SHOW_STUDY_TAGS=1``."""
    return (os.environ if environ is None else environ).get(SHOW, "").strip().lower() in ("1", "true", "yes")


def study_tags(data: bytes, limits: Limits = Limits()) -> dict[str, str]:
    """Name → value of what the file tells; nothing of a file that is no DICOM, nor where it is not to be shown."""
    if not study_tags_are_shown() or image_kind(data) != DICOM:
        return {}
    try:
        elements = read_dicom(data, limits, tuple(Tag(name) for name in NAMES), pixels=False).elements
        told = {name: str(elements.get(name) or "").strip() for name in NAMES}
    except Exception:  # whoever decodes the pixels says what is wrong with the file
        return {}
    return {name: value[:_LONGEST] for name, value in told.items() if value}
