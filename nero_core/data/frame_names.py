"""How one frame of several is named: ``scan.dcm#frame 3``, counted from 1, as people count; and its id."""

import hashlib
import os
import re
from pathlib import Path

_FRAME = re.compile(r"(?s)(.+)#frame ([1-9][0-9]{0,8})\Z")


def frame_name(name: str, frame: int) -> str:
    """The name of a frame of the file of this name."""
    return f"{name}#frame {frame}"


def frame_digest(digest: str, frame: int) -> str:
    """The id of one frame of several: sha256 (hex) of the file's own digest and the frame's number."""
    return hashlib.sha256(f"{digest}#frame {frame}".encode()).hexdigest()


def split_frame(path: str | Path) -> tuple[Path, int | None]:
    """The file and the frame that a path names; no frame where there is a file of just this name."""
    found = _FRAME.match(str(path))
    if found is None or os.path.lexists(path):
        return Path(path), None
    return Path(found[1]), int(found[2])
