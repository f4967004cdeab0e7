"""What a server says of a file: addresses that may be asked, redirects that may be followed, headers."""

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nero_core.errors import DownloadError

TIMEOUT = 30.0  # seconds of silence
MAX_REDIRECTS = 5
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
CUT = (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError, urllib.error.URLError)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a server says of a file.

    Attributes:
        url: where it is, after redirects.
        size: bytes; None where the server does not say.
        tag: what tells one version from another (a strong ETag, or the time of the last change); "" where nothing.
    """

    url: str
    size: int | None
    tag: str


def ask(url: str, timeout: float = TIMEOUT) -> RemoteFile:
    """Ask the server for the file's size without fetching it; not known where it refuses the question.

    A server may know no HEAD, or answer it otherwise than GET (signed addresses allow one method): GET decides.

    Raises:
        DownloadError: the address is not HTTPS, or the server does not answer.
    """
    try:
        with open_address(url, {}, timeout, method="HEAD") as response:
            return remote_file(response)
    except urllib.error.HTTPError as error:
        error.close()
        return RemoteFile(url, None, "")
    except CUT as error:
        raise failure(url, error) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """A few redirects, none of them away from HTTPS, and a HEAD stays a HEAD."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,  # noqa: ANN401  typeshed says IO[bytes], which a response is not
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request; None where the answer is no redirect that may be followed.

        Raises:
            DownloadError: it leads away from HTTPS.
        """
        try:
            _check_address(newurl, may_be_local=urlsplit(req.full_url).hostname in LOOPBACK)
        except DownloadError:
            fp.close()
            raise
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            request.method = req.get_method()
        return request


def open_address(url: str, headers: Mapping[str, str], timeout: float, method: str = "GET") -> http.client.HTTPResponse:
    """Send the request, and give back the answer without its body.

    Raises:
        DownloadError: the address, or one that it leads to, is not HTTPS.
        OSError, http.client.HTTPException: there is no answer.
    """
    _check_address(url)
    request = urllib.request.Request(url, headers={"User-Agent": "nero-dashboard", **headers}, method=method)
    response: http.client.HTTPResponse = urllib.request.build_opener(_Redirects).open(request, timeout=timeout)
    return response


def _check_address(url: str, may_be_local: bool = True) -> None:
    try:
        parts = urlsplit(url)
        is_local = parts.hostname in LOOPBACK
        is_safe = (parts.scheme == "https" and (may_be_local or not is_local)) or (
            parts.scheme == "http" and is_local and may_be_local
        )
        is_whole = bool(parts.hostname) and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        is_safe = is_whole = False
    if not (is_safe and is_whole):
        raise DownloadError(f"Expected an address that begins with https://. Found {shown_address(url)}. Check it.")


def remote_file(response: http.client.HTTPResponse) -> RemoteFile:
    """What the headers of an answer say."""
    length = response.headers.get("Content-Length", "")
    etag = response.headers.get("ETag", "")
    # A weak tag says that two files mean the same, not that their bytes are the same (RFC 9110, 13.1.5).
    tag = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    return RemoteFile(response.geturl(), int(length) if length.isdecimal() else None, tag)


def content_range(header: str) -> tuple[int, int | None]:
    """First byte and whole size in ``bytes 5-9/10``."""
    unit, _, rest = header.partition(" ")
    span, _, whole = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdecimal():
        raise http.client.HTTPException("a range that cannot be read")
    return int(first), int(whole) if whole.isdecimal() else None


def failure(url: str, error: Exception) -> DownloadError:
    """What went wrong, and what to do."""
    remedy = "Check the connection."
    if isinstance(error, urllib.error.HTTPError):
        remedy = "Look at the dataset's page, and name the archive's address with --url."
    return DownloadError(f"Expected a file at {shown_address(url)}. Found: {reason_of(error)}. {remedy}")


def reason_of(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"status {error.code}"
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def shown_address(url: str) -> str:
    """An address for a message: not too long, on one line."""
    return "".join(character for character in url[:200] if character.isprintable())
