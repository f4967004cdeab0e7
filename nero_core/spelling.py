"""One spelling for names that people write alike."""

import unicodedata


def same_name(name: str) -> str:
    """Equal for names that are written alike, however their accents are encoded (NFC): macOS splits them from letters.

    Class names are compared, and stored in cards, in this spelling; files keep the names that they have on the disk.
    """
    return unicodedata.normalize("NFC", name)
