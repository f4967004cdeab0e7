"""Who may use a dashboard that other machines reach: the file of ``nero dashboard --login``, checked before anything
starts."""

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nero_core.errors import NeroError

ROLES = ("viewer", "reviewer", "operator")  # each may what those before it may
NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
SHORTEST_SECRET = 32  # characters
MOST_BYTES = 2**20  # ten thousand people
CALLBACK = "/oauth2callback"  # where Streamlit takes the provider's answer


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access(host: str, login: Path | None, insecure: bool) -> None:
    """Refuse to let other machines in without a login, unless that is asked for.

    Raises:
        NeroError: the address is reached from elsewhere and nobody has to log in; or the login file is not usable.
    """
    if login is not None:
        check_login_file(login)
    elif not is_loopback(host) and not insecure:
        raise NeroError(
            f"Expected a login where other machines reach the dashboard. Found --host {host} without one. Give "
            "--login FILE (see docs/security.md), or --insecure to let in everybody who reaches this address."
        )


def check_login_file(path: Path) -> None:
    """See that the file names one provider and who may do what. Nothing of its contents comes into a message.

    Raises:
        NeroError: it does not.
    """
    content = _read(path)
    auth, roles = content.get("auth"), content.get("roles")
    if not isinstance(auth, dict) or not isinstance(roles, dict):
        raise _unfit(path, "the tables [auth] and [roles]", "one or none of them")
    missing = [name for name in NEEDED if not isinstance(auth.get(name), str) or not auth[name]]
    if missing:
        raise _unfit(path, f"{', '.join(NEEDED)} as text in [auth]", f"no {', '.join(missing)}")
    if len(auth["cookie_secret"]) < SHORTEST_SECRET:
        found = f"{len(auth['cookie_secret'])}: python -c 'import secrets; print(secrets.token_hex())' makes one"
        raise _unfit(path, f"a cookie_secret of at least {SHORTEST_SECRET} characters", found)
    if not _leads_back(auth["redirect_uri"]):
        raise _unfit(path, f"a redirect_uri of the form https://HOST{CALLBACK}", "another one")
    strange = [role for role in roles.values() if role not in ROLES]
    if strange or not roles:
        found = "nobody in it" if not roles else f"{len(strange)} of {len(roles)} with another role"
        raise _unfit(path, f'lines like "name@example.org" = "{" | ".join(ROLES)}" in [roles]', found)


def _leads_back(address: str) -> bool:
    """Whether the provider's answer comes to this dashboard, and nobody reads it on its way."""
    try:
        where = urlsplit(address)
    except ValueError:  # no address at all, such as https://[
        return False
    return where.path == CALLBACK and (where.scheme == "https" or is_loopback(where.hostname or ""))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise _unfit(path, f"at most {MOST_BYTES >> 20} MB", "more")
        return tomllib.loads(content.decode())
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        raise NeroError(
            f"Expected a login file at {path}. Found one that cannot be read ({reason}). Check the path."
        ) from error
    except (ValueError, RecursionError):  # whose words would quote the file; other than TOML's own at long numbers
        raise _unfit(path, "TOML", "something else") from None


def _unfit(path: Path, expected: str, found: str) -> NeroError:
    return NeroError(f"Expected {expected} in {path.name}. Found {found}. See docs/security.md.")
