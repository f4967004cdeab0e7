"""What the room hands on."""

from .archive import ARCHIVE_LIMITS as ARCHIVE_LIMITS
from .archive import ArchiveContents as ArchiveContents
from .archive import ArchiveLimits as ArchiveLimits
from .archive import check_archive as check_archive
from .archive import unpacked as unpacked
from .decode import Limits as Limits
from .decode import Picture as Picture
from .decode import decode_batch as decode_batch
from .decode import decode_image as decode_image
from .decode import file_name as file_name
from .decode import thumbnail as thumbnail
from .decode import to_batch as to_batch
from .dicom_order import StudyPlace as StudyPlace
from .dicom_order import study_place as study_place
from .folders import ImageFolder as ImageFolder
from .folders import file_digest as file_digest
from .folders import iterate_batches as iterate_batches
from .folders import read_folder as read_folder
from .folders import split as split
from .frame_names import frame_digest as frame_digest
from .frame_names import frame_name as frame_name
from .frames import decode_frames as decode_frames
from .frames import frames_in as frames_in
from .left_out import LeftOut as LeftOut
from .patient_tags import study_tags as study_tags
from .patient_tags import study_tags_are_shown as study_tags_are_shown
