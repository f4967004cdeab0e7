"""Where images come from: files (``decode``), class-per-folder datasets (``folders``), archives, synthetic endoscopy.

``prepare`` splits a published dataset by its ``protocol``; ``download`` fetches it.
"""

from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveContents, ArchiveLimits, check_archive, unpacked
from nero_core.data.decode import Limits, Picture, decode_batch, decode_image, thumbnail, to_batch
from nero_core.data.folders import ImageFolder, file_digest, iterate_batches, read_folder, split
from nero_core.data.prepare import Prepared, prepare
from nero_core.data.prepare_split import Shares
from nero_core.data.protocol import Protocol, published_protocol, read_protocol

__all__ = [
    "ARCHIVE_LIMITS",
    "ArchiveContents",
    "ArchiveLimits",
    "ImageFolder",
    "Limits",
    "Picture",
    "Prepared",
    "Protocol",
    "Shares",
    "check_archive",
    "decode_batch",
    "decode_image",
    "file_digest",
    "iterate_batches",
    "prepare",
    "published_protocol",
    "read_folder",
    "read_protocol",
    "split",
    "thumbnail",
    "to_batch",
    "unpacked",
]
