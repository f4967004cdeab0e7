"""One large file over HTTPS: bounded, resumed where it was cut, put in its place only when whole.

Tested against a server on this machine only. The standard library is used, since pooch would be one more dependency
for one file, and ``torch.hub`` starts every download again.
"""

import hashlib
import http.client
import json
import shutil
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nero_core.atomic import write_text
from nero_core.data.decode import file_name
from nero_core.data.folders import file_digest
from nero_core.datasets.download_server import (
    CUT,
    TIMEOUT,
    ask,
    content_range,
    failure,
    open_address,
    reason_of,
    remote_file,
    shown_address,
)
from nero_core.datasets.prepare_lock import release, take
from nero_core.errors import DownloadError

__all__ = ["ask", "difference", "download", "file_of"]

CHUNK = 2**18  # bytes at a time
MAX_BYTES = 20 * 2**30  # ten times the largest of the published archives
ATTEMPTS = 5  # that bring no byte, one after the other
WAIT = 1.0  # seconds before the second attempt; doubled from one to the next
ZIP = b"PK"  # how a .zip begins

Advance = Callable[[int, int], None]


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    max_bytes: int = MAX_BYTES,
    begins: bytes = ZIP,
    timeout: float = TIMEOUT,
    wait: float = WAIT,
    on_progress: Advance | None = None,
) -> str:
    """Fetch a file. Cut, or called again after a kill, it goes on where it was, if the server's file is the same.

    Args:
        url: HTTPS; plain HTTP from this machine only.
        target: where to; never overwritten. Its digest is written beside it, as ``sha256sum`` does.
        size: the bytes that it must have, where they are known.
        sha256: the digest that it must have, where one is known.
        max_bytes: the largest file.
        begins: first bytes of the file, so that a web page in its place is noticed at once.
        timeout: seconds of silence after which a connection is cut.
        wait: seconds before the second attempt.
        on_progress: told bytes done and in all (0 where the server does not say).

    Returns:
        The file's sha256 (hex).

    Raises:
        DownloadError: the file cannot be had, is not the one that was asked for, or does not fit on the disk.
    """
    part, notes, lock_file = (target.with_name(f".{target.name}.{end}") for end in ("part", "part.json", "part.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = take(lock_file)
        if lock is None:
            raise DownloadError(f"Expected to be alone in fetching {target}. Found another download. Wait for its end.")
        try:
            if target.exists():  # looked at by who holds the lock: another may just have put it there
                raise DownloadError(f"Expected no file at {target} yet. Found one. Use it, or remove it first.")
            told = on_progress or (lambda done, total: None)
            _fetch_all(url, part, notes, size, max_bytes, begins, timeout, wait, told)
            _check_whole(url, part, notes, begins)
            digest = _digest(part)
            if sha256 is not None and digest != sha256:
                part.unlink()
                raise DownloadError(
                    f"{target.name}: expected sha256 {sha256}; found {digest}. The server's file is another one: "
                    "do not use it, or name its own digest in the protocol."
                )
            write_text(target.with_name(f"{target.name}.sha256"), f"{digest}  {target.name}\n")
            part.rename(target)
            notes.unlink(missing_ok=True)
        finally:
            release(lock, lock_file)
    except OSError as error:
        actual = error.strerror or str(error)
        raise DownloadError(f"Expected to write {target}. Found: {actual}. Check the disk and its room.") from error
    return digest


def difference(file: Path, size: int | None, sha256: str | None) -> str:
    """How a file that is there differs from what is known of it, in words; "" where it does not.

    Raises:
        ImageError: the file cannot be read.
    """
    actual = file.stat().st_size
    if size is not None and actual != size:
        return f"expected {size:,} bytes, found {actual:,}"
    if sha256 is not None and (digest := file_digest(file)) != sha256:
        return f"expected sha256 {sha256}, found {digest}"
    return ""


def file_of(url: str) -> str:
    """The name that an address gives its file: its last part."""
    return file_name(unquote(urlsplit(url).path)) if urlsplit(url).path.strip("/") else "archive.zip"


def _fetch_all(
    url: str,
    part: Path,
    notes: Path,
    size: int | None,
    max_bytes: int,
    begins: bytes,
    timeout: float,
    wait: float,
    on_progress: Advance,
) -> None:
    """As many connections as the file needs."""
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch(url, part, notes, size, max_bytes, begins, timeout, on_progress):
                return
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and before:  # what we have is longer than the server's file
                part.unlink()
            elif error.code < 500 and error.code != 429:  # asking again changes nothing
                raise failure(url, error) from error
            reason = f"status {error.code}"
        except CUT as error:
            reason = reason_of(error)
        idle = 0 if part.exists() and part.stat().st_size > before else idle + 1
        if idle >= ATTEMPTS:
            advice = "What was fetched is kept: run the same command again to go on."
            raise DownloadError(f"Expected the whole file from {shown_address(url)}. Found: {reason}. {advice}")
        time.sleep(wait * 2**idle)


def _check_whole(url: str, part: Path, notes: Path, begins: bytes) -> None:
    """A last look at what is on the disk; what is not right is removed, so that the next call begins again."""
    size, total = part.stat().st_size, _read_notes(notes).get("total")
    with part.open("rb") as file:
        is_archive = file.read(len(begins)) == begins
    if size and is_archive and total in (None, size):
        return
    part.unlink()
    notes.unlink(missing_ok=True)
    if not size:
        actual = "an empty file"
    elif not is_archive:
        actual = "something else"
    else:
        actual = f"{size:,} bytes in place of {total:,}"
    raise DownloadError(
        f"Expected a whole archive from {shown_address(url)}. Found {actual}. Run the command again, or look at the "
        "dataset's page and name the archive's own address."
    )


def _fetch(
    url: str,
    part: Path,
    notes: Path,
    size: int | None,
    max_bytes: int,
    begins: bytes,
    timeout: float,
    on_progress: Advance,
) -> bool:
    """One connection: append to ``part`` what is missing; whether the file is whole."""
    done = part.stat().st_size if part.exists() else 0
    older = _read_notes(notes)
    tag = str(older.get("tag", "")) if older.get("url") == url else ""
    # Without a tag nothing says that the rest belongs to what we have.
    headers = {"Range": f"bytes={done}-", "If-Range": tag} if done and tag else {}
    if headers and done == older.get("total"):
        return True
    with open_address(url, headers, timeout) as response:
        remote = remote_file(response)
        total = remote.size
        if response.status == 206:
            first, total = content_range(response.headers.get("Content-Range", ""))
            total = older.get("total") if total is None else total
            if first != done:
                raise http.client.HTTPException("another range than the one asked for")
        else:
            done = 0
        _check_size(url, total, size, max_bytes, part, done)
        notes.write_text(json.dumps({"url": url, "tag": remote.tag, "total": total}), encoding="utf-8")
        with part.open("ab" if done else "wb") as file:
            while chunk := response.read(CHUNK):
                if not done and chunk[: len(begins)] != begins[: len(chunk)]:  # the first may be shorter
                    actual = "a web page" if b"<html" in chunk[:2048].lower() else "something else"
                    raise DownloadError(
                        f"Expected an archive at {shown_address(url)}. Found {actual}. Look at the dataset's page, and "
                        "name the archive's own address."
                    )
                done += len(chunk)
                if done > max_bytes or (total is not None and done > total):
                    most = f"at most {max_bytes if total is None else total:,}"
                    raise DownloadError(
                        f"Expected {most} bytes from {shown_address(url)}. Found more. Do not trust this server."
                    )
                file.write(chunk)
                on_progress(done, total or 0)
    if total is None and size is not None:
        return done == size
    return done == total or total is None  # no length: the end of the connection is all there is to go by


def _check_size(url: str, total: int | None, size: int | None, max_bytes: int, part: Path, done: int) -> None:
    if total is None:
        return
    if size is not None and total != size:
        raise DownloadError(
            f"Expected {size:,} bytes at {shown_address(url)}. Found {total:,}. The server's file is another one: "
            "check the dataset's page, and name the address yourself with --url to take it all the same."
        )
    if total > max_bytes:
        raise DownloadError(
            f"Expected at most {max_bytes:,} bytes at {shown_address(url)}. Found {total:,}. Check the address."
        )
    free = shutil.disk_usage(part.parent).free
    if total - done > free:
        raise DownloadError(
            f"Expected {total - done:,} bytes of room for {shown_address(url)}. Found {free:,}. "
            "Free some, or name another disk."
        )


def _read_notes(path: Path) -> dict[str, Any]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
