"""A map as a Secondary Capture image (PS3.3, A.8.1) of the study that it belongs to."""

import numpy as np
from highdicom import UID
from highdicom.sc import SCImage
from jaxtyping import UInt8
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from nero_core.pacs.results import MANUFACTURER, ImageResult, ResultContext, own_uid, result_key

UTF_8 = "ISO_IR 192"
SERIES_NUMBER = 9801  # beyond what scanners count
_LONGEST = 64  # characters of a description (LO)


def secondary_capture(
    pixels: UInt8[np.ndarray, "height width 3"], what: str, result: ImageResult, context: ResultContext, number: int
) -> Dataset:
    """The picture with the map on it, as an instance that can be stored.

    Args:
        pixels: RGB.
        what: the map in a few words.
        result: the image and its verdict.
        context: bundle and model.
        number: of the instance in its series.
    """
    source, key = complete(result.source), result_key(result, context)
    image = SCImage.from_ref_dataset(
        source,
        pixel_array=np.ascontiguousarray(pixels),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # asked for; emptied below, since nobody knows it of an endoscopy
        series_instance_uid=UID(own_uid("maps", source.StudyInstanceUID, *key[2:])),
        series_number=SERIES_NUMBER,
        sop_instance_uid=UID(own_uid("map", *key)),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=f"{MANUFACTURER} {context.version}"[:_LONGEST],
        software_versions=context.version[:_LONGEST],
        series_description="NERO: where images are unlike the reference images",
        specific_character_set=UTF_8,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    for name in ("PatientOrientation", "Laterality"):
        setattr(image, name, None)
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.ImageComments = f"{what}. Research and teaching; not a medical device."[:1024]
    image.DerivationDescription = f"{result.method} {result.score:.6g}, p {result.p_value:.4g}: {result.verdict}"[:1024]
    if source.get("BurnedInAnnotation"):
        image.BurnedInAnnotation = source.BurnedInAnnotation
    image.SourceImageSequence = [_reference(source, result.frame)]
    return image


def complete(source: Dataset) -> Dataset:
    """The source with an empty value where what every instance must have is missing, as in old files."""
    copy = Dataset(source)
    if hasattr(source, "file_meta"):
        copy.file_meta = source.file_meta
    for name in "PatientID PatientName PatientBirthDate PatientSex StudyID StudyDate StudyTime AccessionNumber".split():
        if name not in copy:
            setattr(copy, name, None)
    if "ReferringPhysicianName" not in copy:
        copy.ReferringPhysicianName = None
    return copy


def _reference(source: Dataset, frame: int | None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item
