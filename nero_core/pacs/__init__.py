"""A hospital's archive of images (PACS) over DICOMweb: find a study, fetch it, send the results back."""

from nero_core.pacs.archive import Archive, Instance, Study
from nero_core.pacs.results import ImageResult, ResultContext
from nero_core.pacs.secondary_capture import secondary_capture
from nero_core.pacs.settings import PacsSettings, read_settings
from nero_core.pacs.structured_report import structured_report

__all__ = [
    "Archive",
    "ImageResult",
    "Instance",
    "PacsSettings",
    "ResultContext",
    "Study",
    "read_settings",
    "secondary_capture",
    "structured_report",
]
