"""Where images come from: files (``decode``), class-per-folder datasets (``folders``), archives (``archive``)."""

from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveContents, ArchiveLimits, check_archive, unpacked
from nero_core.data.decode import Limits, Picture, decode_batch, decode_image, file_name, thumbnail, to_batch
from nero_core.data.dicom import frame_digest
from nero_core.data.dicom_order import StudyPlace, study_place
from nero_core.data.folders import ImageFolder, file_digest, iterate_batches, read_folder, split
from nero_core.data.frame_names import frame_name
from nero_core.data.frames import decode_frames, frames_in
from nero_core.data.left_out import LeftOut
from nero_core.data.patient_tags import study_tags, study_tags_are_shown
from nero_core.spelling import same_name

__all__ = [
    "ARCHIVE_LIMITS",
    "ArchiveContents",
    "ArchiveLimits",
    "ImageFolder",
    "LeftOut",
    "Limits",
    "Picture",
    "StudyPlace",
    "check_archive",
    "decode_batch",
    "decode_frames",
    "decode_image",
    "file_digest",
    "file_name",
    "frame_digest",
    "frame_name",
    "frames_in",
    "iterate_batches",
    "read_folder",
    "same_name",
    "split",
    "study_place",
    "study_tags",
    "study_tags_are_shown",
    "thumbnail",
    "to_batch",
    "unpacked",
]
