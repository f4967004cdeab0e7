"""A DICOM file with its picture and its identifiers alone: what is left is listed, so that nothing slips through."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from nero_core.data.dicom_file import PICTURE_TAGS

_IDENTIFIERS = "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID".split()
_TABLE = "LUTDescriptor LUTData".split()
_GROUPS = {
    "PixelValueTransformationSequence": "RescaleIntercept RescaleSlope RescaleType".split(),
    "FrameVOILUTSequence": "WindowCenter WindowWidth VOILUTFunction".split(),
}
_TABLES = ("ModalityLUTSequence", "VOILUTSequence")
_EACH_FRAME = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def picture_only(dataset: Dataset) -> Dataset:
    """The elements that ``decode_image`` reads, and the UIDs by which the instance is found again in the PACS.

    Names, dates, descriptions, private elements, overlays and comments are gone. Text that is burnt into the pixels is
    not, and the UIDs lead whoever may ask the PACS back to the patient.
    """
    picture = Dataset({tag: dataset.get_item(tag) for tag in PICTURE_TAGS if tag in dataset})
    for name in (*_TABLES, *_EACH_FRAME):
        if name in picture:
            items = dataset.get(name) or []
            setattr(
                picture,
                name,
                Sequence([_group(item) if name in _EACH_FRAME else _only(item, _TABLE) for item in items]),
            )
    for name in _IDENTIFIERS:
        if name in dataset:
            picture[name] = dataset[name]
    picture.file_meta = FileMetaDataset()
    picture.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    picture.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    picture.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return picture


def _only(item: Dataset, names: list[str]) -> Dataset:
    return Dataset({item[name].tag: item[name] for name in names if name in item})


def _group(group: Dataset) -> Dataset:
    kept = Dataset()
    for sequence, names in _GROUPS.items():
        if group.get(sequence):
            setattr(kept, sequence, Sequence([_only(item, names) for item in group.get(sequence)]))
    return kept
