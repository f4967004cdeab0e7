"""A zip, hostile until checked: its directory is read within limits, its members are checked, then read piece by piece.

Each user gives its own limits, and says in sentences of its own what speaks against a zip. Nothing is trusted that the
zip says of itself. Names are the user's to check: what a good name is depends on where it goes.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Literal

Fault = Literal[
    "cut",  # no zip, or the directory is truncated or damaged
    "directory",  # larger than it may be; amount: its bytes
    "members",  # more than there may be; amount: how many
    "link",
    "special",  # a device or a pipe
    "encrypted",
    "method",  # of packing, and none that is taken; amount: its number
    "bytes",  # of all members together, once unpacked; amount: how many
    "ratio",  # of the same to the bytes of the file; amount: the ratio
    "shared",  # two members share bytes of the file
    "damaged",  # a member that cannot be unpacked
    "longer",  # a member with more bytes than it may have
    "other size",  # a member with fewer bytes than the directory says; amount: how many
]

PIECE = 2**20  # bytes of a member that are in memory at a time
_ENTRY = b"PK\x01\x02"  # how each member begins in the directory (APPNOTE 4.3.12)
_LOCAL_HEADER = 30  # bytes before the name of a member (APPNOTE 4.3.7)
_IS_UTF8, _UNICODE_PATH = 0x800, 0x7075
_PLAIN = (0, stat.S_IFREG, stat.S_IFDIR)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, NotImplementedError, struct.error)


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """What a zip may cost.

    Attributes:
        max_members: files and folders in it; each becomes an object of a kilobyte.
        max_directory_bytes: of its directory, which is read in one piece.
        max_bytes: of all members together, once unpacked; None for any number.
        max_ratio: bytes once unpacked per byte of the file, of all members together; None for any.
        ratio_from: bytes once unpacked below which no ratio is too large.
        methods: ways of packing that are taken. Decompressors of other ways than "stored" and "deflated" may be told to
            take gigabytes of memory.
    """

    max_members: int
    max_directory_bytes: int
    max_bytes: int | None = None
    max_ratio: int | None = None
    ratio_from: int = 0
    methods: tuple[int, ...] = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ZipError(Exception):
    """What speaks against a zip; its user makes a sentence of it.

    Attributes:
        kind: what it is.
        amount: what was found, in the unit of the kind; 0 where it has none.
        member: its name, see ``member_name``; "" where the zip as a whole is at fault.
        expected: bytes that a member may have (``longer``), or should have (``other size``).
    """

    def __init__(self, kind: Fault, amount: int = 0, member: str = "", expected: int = 0) -> None:
        super().__init__(kind, amount, member, expected)
        self.kind, self.amount, self.member, self.expected = kind, amount, member, expected


@contextmanager
def open_zip(file: IO[bytes], limits: ZipLimits) -> Iterator[zipfile.ZipFile]:
    """The zip with its directory read, within the limits, and nothing else checked yet.

    Raises:
        ZipError: ``cut``, ``directory``, ``members``.
    """
    bounded = _Directory(file, limits)
    try:
        archive = zipfile.ZipFile(bounded)
    except (*_BROKEN, OSError) as error:
        raise ZipError("cut") from error
    bounded.is_read = True
    with archive:
        yield archive


def member_name(info: zipfile.ZipInfo) -> str:
    """The name of a member as its packer meant it.

    Without flag 11 a name is in code page 437 (APPNOTE 4.4.4), unless an extra field gives it in UTF-8 (4.6.9). macOS
    and Debian's ``zip`` write UTF-8 and neither flag nor field, so a name that is valid UTF-8 is read as such: one of
    the code page with letters beyond ASCII hardly ever is.
    """
    name = info.orig_filename
    if info.flag_bits & _IS_UTF8 or name.isascii():
        return name
    try:
        raw = name.encode("cp437")
        return (_unicode_path(info.extra, raw) or raw).decode("utf-8")
    except UnicodeError:
        return name


def check_plain(info: zipfile.ZipInfo, limits: ZipLimits) -> None:
    """Refuse what is no plain file or folder, has a password, or is packed in another way than the limits take.

    Raises:
        ZipError: ``link``, ``special``, ``encrypted``, ``method``.
    """
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in _PLAIN:
        raise ZipError("link" if kind == stat.S_IFLNK else "special", member=member_name(info))
    if info.flag_bits & 0x1:
        raise ZipError("encrypted", member=member_name(info))
    if info.compress_type not in limits.methods:
        raise ZipError("method", info.compress_type, member_name(info))


def check_sizes(infos: Sequence[zipfile.ZipInfo], size: int, limits: ZipLimits) -> None:
    """Refuse members that are together too large, too much for the file, or one in another.

    Args:
        infos: all members.
        size: bytes of the zip's own file.
        limits: what they may cost.

    Raises:
        ZipError: ``bytes``, ``ratio``, ``shared``.
    """
    total = sum(info.file_size for info in infos)
    if limits.max_bytes is not None and total > limits.max_bytes:
        raise ZipError("bytes", total)
    if limits.max_ratio is not None and total > limits.ratio_from and total > limits.max_ratio * size:
        raise ZipError("ratio", round(total / size))
    placed = sorted(infos, key=lambda info: info.header_offset)
    for info, following in pairwise(placed):
        if info.header_offset + _LOCAL_HEADER + info.compress_size > following.header_offset:
            raise ZipError("shared", member=member_name(following))


def pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """The bytes of a member, piece by piece; the last piece has come once the member is known to be whole.

    Args:
        archive: opened by ``open_zip``.
        info: the member.
        most: bytes that it may have, whatever the directory says.

    Raises:
        ZipError: ``damaged``, ``longer``, ``other size``.
        OSError: the file cannot be read.
    """
    name, count = member_name(info), 0
    try:
        with archive.open(info) as packed:
            while piece := packed.read(PIECE):
                count += len(piece)
                if count > most:
                    raise ZipError("longer", member=name, expected=most)
                yield piece
    except _BROKEN as error:
        raise ZipError("damaged", member=name) from error
    if count != info.file_size:
        raise ZipError("other size", count, name, info.file_size)


def _unicode_path(extra: bytes, raw: bytes) -> bytes:
    """The name in the extra field "Unicode Path", where it is there and of this very name."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        body = extra[place + 4 : place + 4 + size]
        if kind == _UNICODE_PATH and len(body) > 5 and struct.unpack_from("<I", body, 1)[0] == zlib.crc32(raw):
            return body[5:]
        place += 4 + size
    return b""


class _Directory:
    """The file, but until its directory is read, no read is longer than the directory may be, nor of more members."""

    def __init__(self, file: IO[bytes], limits: ZipLimits) -> None:
        self._file, self._limits = file, limits
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close
        self.is_read = False

    def read(self, size: int = -1) -> bytes:
        if self.is_read:
            return self._file.read(size)
        if size > self._limits.max_directory_bytes:
            raise ZipError("directory", size)
        data = self._file.read(size)
        members = data.count(_ENTRY) if size >= 0 else 0  # the tail, in which the directory is looked for, holds data
        if members > self._limits.max_members:
            raise ZipError("members", members)
        return data
