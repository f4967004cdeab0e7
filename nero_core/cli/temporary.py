"""A folder for what one command unpacks, which the next one removes where a kill has left it behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".nero-work-"
_LOCK = "lock"  # its process holds it while it lives; a kill gives it back
_TRIES = 8  # another process may take a folder for a dead one's in the moment before it is locked


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """The place of all temporary files while the block lasts, in the system's own; removed at the end.

    What killed commands of this user have left beside it is removed first. Where the system knows no locks nothing is:
    a folder in use cannot be told from one that is left.

    Raises:
        OSError: it cannot be made.
    """
    from nero_core.datasets.prepare_lock import take

    before = tempfile.tempdir
    root = Path(tempfile.gettempdir())
    sweep(root)
    for _ in range(_TRIES):
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        try:
            lock = take(folder / _LOCK)
        except FileNotFoundError:  # swept away
            continue
        if lock is not None:
            break
    else:
        raise OSError(f"no folder can be locked in {root}")
    with lock:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before
            shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove the folders that killed commands of this user have left in ``root``."""
    from nero_core.datasets.prepare_lock import take

    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or not (folder / _LOCK).is_file() or not _is_ours(folder):
                continue
            lock = take(folder / _LOCK, must_lock=True)
            if lock is not None:
                with lock:
                    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
