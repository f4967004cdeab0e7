"""What a reader does beside its answer: memory, time, files outside its folder, processes, addresses, pickles."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_SECONDS = 5.0  # of processor time for one file of at most 200 kB
MOST_BYTES = 256 * 2**20  # that one file may add to the memory in use while it is read
_NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class")
_TWO = ("os.rename", "os.link")  # two paths, then the descriptors of their folders
_CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", *_TWO)  # a path first, a descriptor last
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class UnsoundError(Exception):
    """A reader did what no reader may do, or answered with what is no sound result."""


class Watch:
    """Runs a reader on one file, and raises where it does more than read.

    Args:
        folder: the only one that may be written into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve())
        self._is_on, self._deeds = False, list[str]()
        sys.addaudithook(self._hear)

    def read(self, reader: Callable[[bytes, Path], object], data: bytes) -> None:
        """Read a file.

        Raises:
            UnsoundError: it took too much, or left its folder.
            Exception: whatever else the reader raises.
        """
        _forget_peak()
        before, began = _peak(), time.process_time()
        self._deeds.clear()
        self._is_on = True
        try:
            reader(data, Path(self.folder))
        finally:
            self._is_on = False
            seconds, added = time.process_time() - began, _peak() - before
        if self._deeds:
            raise UnsoundError(f"a reader that only reads; found {', '.join(self._deeds[:3])}")
        if seconds > MOST_SECONDS:
            raise UnsoundError(f"at most {MOST_SECONDS} s; found {seconds:.1f} s")
        if added > MOST_BYTES:
            raise UnsoundError(f"at most {MOST_BYTES >> 20} MB more; found {added >> 20} MB")

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event in _NEVER:
            self._deeds.append(f"{event} {arguments[:2]!r}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (mode is None and flags & _WRITING):
                self._see(event, path)
        elif event in _CHANGES:
            paths, folders = (2, arguments[2:4]) if event in _TWO else (1, arguments[-1:])
            for path, descriptor in zip(arguments[:paths], folders, strict=False):
                self._see(event, path, descriptor)

    def _see(self, event: str, path: object, descriptor: object = -1) -> None:
        """Note a path that is outside, seen from the folder of a descriptor where it is one."""
        if isinstance(path, str | bytes | os.PathLike):
            below = f"/proc/self/fd/{descriptor}" if isinstance(descriptor, int) and descriptor >= 0 else "."
            place = os.path.realpath(Path(below, os.fsdecode(path)))
            if place != os.devnull and not f"{place}/".startswith(f"{self.folder}/"):
                self._deeds.append(f"{event} {place}")


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak begins again
    except OSError:
        return


def _peak() -> int:
    """Bytes that this process has had in use at most; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024
