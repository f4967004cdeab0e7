"""A file that one process at a time holds. A process's number says nothing in another container; a lock does."""

import os
import sys
from pathlib import Path
from typing import IO


def take(path: Path, must_lock: bool = False) -> IO[bytes] | None:
    """Hold a file, made where it is not there, until it is closed, also by a kill.

    Args:
        path: of the file.
        must_lock: give nothing where the system or the disk knows no locks, in place of an open file.

    Returns:
        The open file; None where another process holds it.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        file = path.open("ab")
        try:
            is_ours = _lock(file)
            if is_ours is False or (is_ours is None and must_lock):
                file.close()
                return None
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # whoever held it has removed it in between


def release(file: IO[bytes], path: Path) -> None:
    """Give the file back and remove it; ``take`` heeds that another may hold its remains."""
    if sys.platform == "win32":  # which removes no open file
        file.close()
        path.unlink(missing_ok=True)
        return
    path.unlink(missing_ok=True)  # while it is still ours
    file.close()


def _lock(file: IO[bytes]) -> bool | None:
    """Whether it is ours; None where that cannot be told."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks
        return None
    return True
