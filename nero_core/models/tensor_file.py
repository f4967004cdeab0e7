"""Files that are opened once, so that what is checked is what is used; and the header of a file of tensors."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

Header = Mapping[str, tuple[str, tuple[int, ...]]]  # name → dtype in safetensors' words, shape


class FileTooLargeError(Exception):
    """A file is larger than its reader takes.

    Attributes:
        size: of the file, in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def read_once(path: Path, most: int) -> bytes:
    """The bytes of a file of at most ``most`` bytes; its size is asked of the open file, not of its name.

    Raises:
        FileTooLargeError: it is larger; nothing of it was read.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise FileTooLargeError(size)
        return file.read(size)  # and not what somebody writes behind it meanwhile


def read_header(data: bytes) -> Header:
    """Name, dtype and shape of each tensor in a safetensors file, before the library sees the bytes.

    Raises:
        ValueError: the bytes are no safetensors file.
    """
    try:
        entries = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return {
            name: (str(entry["dtype"]), tuple(int(side) for side in entry["shape"]))
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__} in its header") from error
