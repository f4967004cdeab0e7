"""Where images come from: files (``decode``), class-per-folder datasets (``folders``), synthetic endoscopy."""

from nero_core.data.decode import Limits, Picture, decode_batch, decode_image, thumbnail, to_batch
from nero_core.data.folders import ImageFolder, file_digest, iterate_batches, read_folder, split

__all__ = [
    "ImageFolder",
    "Limits",
    "Picture",
    "decode_batch",
    "decode_image",
    "file_digest",
    "iterate_batches",
    "read_folder",
    "split",
    "thumbnail",
    "to_batch",
]
