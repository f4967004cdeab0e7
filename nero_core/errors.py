"""The errors that bad input raises. Each message says what was expected, what was found, what to do."""


class NeroError(Exception):
    """Base of every error that a user can cause and mend; the screen and the command line catch it in one place."""


class ImageError(NeroError):
    """A file that cannot be read as an image within the limits."""


class ArchiveError(NeroError):
    """An archive that is damaged, hostile, beyond the limits, or holds nothing of use."""


class DatasetError(NeroError):
    """A dataset that is not as its protocol says, or a protocol that says nothing of use."""


class DownloadError(NeroError):
    """A file that cannot be fetched, or is not the one that was asked for."""


class PacsError(NeroError):
    """A PACS that is not named, does not answer, refuses, or sends what is not DICOM."""


class CheckpointError(NeroError):
    """A checkpoint folder that is missing, incomplete, or does not hold the model it names."""


class BundleError(NeroError):
    """A bundle that is missing, altered, of an unknown schema, or whose parts do not fit together."""


class CalibrationError(NeroError):
    """ID data that cannot be split, fitted or calibrated on."""


class TooFewImagesError(CalibrationError):
    """Calibration images that are too few for the share of ID images that should pass."""


class RelevanceError(NeroError):
    """A model or an image for which relevance cannot be propagated honestly."""


class StoreError(NeroError):
    """A database that cannot be opened, read or written, or what does not fit into it."""


class BusyError(NeroError):
    """What only one may use at a time is in use; a later try may succeed."""
