"""Small DICOM files, made here."""

import io
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian


def dicom(samples: np.ndarray, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A file of these samples, ``height width``, ``height width 3``, or of frames of them."""
    data = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.PatientName = "Secret^Name"
    colours = 3 if samples.shape[-1] == 3 else 1
    shape = samples.shape[:-1] if colours == 3 else samples.shape
    data.SamplesPerPixel, (data.Rows, data.Columns) = colours, shape[-2:]
    data.PhotometricInterpretation = "RGB" if colours == 3 else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = samples.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(samples.dtype.kind == "i")
    if colours == 3:
        data.PlanarConfiguration = 0
    if len(shape) == 3:
        data.NumberOfFrames = shape[0]
    data.PixelData = samples.tobytes()
    for name, value in elements.items():
        setattr(data, name, value)
    if "BitsStored" in elements and "HighBit" not in elements:
        data.HighBit = data.BitsStored - 1
    data["PixelData"].VR = "OB" if data.BitsAllocated <= 8 or data.file_meta.TransferSyntaxUID.is_encapsulated else "OW"
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
