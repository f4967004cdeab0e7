"""Where the PACS is and who asks it: environment variables, or a file that its owner alone may read."""

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nero_core.errors import PacsError

URL, USER, PASSWORD, TOKEN = "NERO_PACS_URL", "NERO_PACS_USER", "NERO_PACS_PASSWORD", "NERO_PACS_TOKEN"
CA, PLAIN_HTTP, FILE = "NERO_PACS_CA", "NERO_PACS_PLAIN_HTTP", "NERO_PACS_FILE"
_IN_FILE = {"url": URL, "user": USER, "password": PASSWORD, "token": TOKEN, "ca": CA, "plain_http": PLAIN_HTTP}
MOST_BYTES = 2**16  # of the file
_YES = ("1", "true", "yes")
_HINT = f"Set {URL} to the root of its DICOMweb services, or {FILE} to a TOML file with url, user and password."


@dataclass(frozen=True, slots=True)
class PacsSettings:
    """Where the PACS is and who asks it. Nothing secret is shown by ``repr``.

    Attributes:
        url: root of its DICOMweb services, such as ``https://pacs.example/dicom-web``.
        user: name to log in with (HTTP Basic).
        password: of the user.
        token: sent as ``Authorization: Bearer``, in place of a user.
        ca: file of the authorities that certify the server; those that the system trusts where None.
    """

    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: Path | None = None

    @property
    def host(self) -> str:
        """What an error calls the server: its name and port, nothing else of the address."""
        parts = urlsplit(self.url)
        return parts.netloc.rpartition("@")[2]


def pacs_is_configured(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the operator has named a PACS; ``read_settings`` says what is wrong with it."""
    environ = os.environ if environ is None else environ
    return bool(environ.get(URL) or environ.get(FILE))


def read_settings(environ: Mapping[str, str] | None = None) -> PacsSettings:
    """The settings of this process; a variable counts before the same entry of the file.

    Raises:
        PacsError: there are none, they contradict one another, or would send a password over an open line.
    """
    environ = os.environ if environ is None else environ
    values = (_file(Path(environ[FILE])) if environ.get(FILE) else {}) | {
        name: environ[name] for name in _IN_FILE.values() if environ.get(name)
    }
    url = values.get(URL, "").strip().rstrip("/")
    if not url:
        raise PacsError(f"Expected the address of a PACS. Found none. {_HINT}")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        raise PacsError(f"Expected an address that begins with https://. Found another in {URL}. {_HINT}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PacsError(
            f"Expected an address without a user, a question or a mark in it. Found one in {URL}. "
            f"Give the user as {USER} and {PASSWORD}."
        )
    if values.get(TOKEN) and values.get(USER):
        raise PacsError(f"Expected either {TOKEN} or {USER}. Found both. Take one of them out.")
    if bool(values.get(USER)) != bool(values.get(PASSWORD)):
        raise PacsError(f"Expected {USER} and {PASSWORD} together. Found one of them. Give the other one too.")
    is_plain = values.get(PLAIN_HTTP, "").lower() in _YES
    if parts.scheme == "http" and not is_plain and not _is_this_machine(parts.hostname or ""):
        raise PacsError(
            "Expected https:// for a PACS on another machine. Found http://, over which names of patients and "
            f"passwords can be read on the way. Use https://, or set {PLAIN_HTTP}=1 where the network itself is closed."
        )
    ca = Path(values[CA]) if values.get(CA) else None
    if ca is not None and not ca.is_file():
        raise PacsError(f"Expected a file of certificates in {CA}. Found no file there. Check the path.")
    return PacsSettings(url, values.get(USER, ""), values.get(PASSWORD, ""), values.get(TOKEN, ""), ca)


def _file(path: Path) -> dict[str, str]:
    expected = f"Expected a TOML file that its owner alone may read in {FILE}."
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise PacsError(f"{expected} Found more than {MOST_BYTES >> 10} KB. Name the file of settings.")
        content = tomllib.loads(data.decode())
    except OSError as error:
        raise PacsError(f"{expected} Found: {(error.strerror or 'unknown').lower()}. Check the path.") from None
    except (ValueError, RecursionError):  # TOML's own; at long numbers and deep lists others
        raise PacsError(f'{expected} Found another kind. Write lines such as url = "https://pacs/dicom-web".') from None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise PacsError(f"{expected} Found one that others may read. Run: chmod 600 {path}")
    unknown = sorted(set(content) - set(_IN_FILE))
    if unknown:
        raise PacsError(f"{expected} Found an entry that is none of {', '.join(_IN_FILE)}. Take it out.")
    return {
        _IN_FILE[name]: str(value).lower() if isinstance(value, bool) else str(value) for name, value in content.items()
    }


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
