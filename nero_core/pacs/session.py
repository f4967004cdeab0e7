"""HTTP to a PACS: certificates are checked, answers are bounded, redirections refused, and nothing secret is told."""

import logging
import time
from contextlib import suppress
from typing import Any

import requests

from nero_core.errors import PacsError
from nero_core.pacs.settings import PacsSettings

# What they log holds addresses, and names of patients in them.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
logging.getLogger("retrying").setLevel(logging.CRITICAL)

CONNECT, READ, WHOLE = 10.0, 60.0, 600.0  # seconds: to connect, between two pieces of an answer, for all of it
RETRIES = 2  # of a question, which changes nothing; what is sent is never sent twice
PAUSE = 0.5  # seconds before the second time, twice that before the third
PIECE = 2**16  # bytes
_BUSY = (429, 502, 503, 504)  # answers after which a question is asked again


class TooLargeError(PacsError):
    """An answer beyond the limit: it will be no smaller the next time."""


class BoundedSession(requests.Session):
    """A session whose answers are read in pieces, and not beyond a limit.

    Args:
        settings: where to and as whom.
        max_bytes: of an answer.
    """

    def __init__(self, settings: PacsSettings, max_bytes: int) -> None:
        super().__init__()
        self.trust_env = False  # else a .netrc or a proxy of the environment may step in
        self.host, self.max_bytes = settings.host, max_bytes
        self.verify = True if settings.ca is None else str(settings.ca)
        self.auth = _Login(settings)

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """As in requests, with the limits of this session.

        Raises:
            PacsError: the answer is too large, too slow, or leads elsewhere.
        """
        kwargs |= {"stream": True, "timeout": (CONNECT, READ), "allow_redirects": False}
        response = self._answer(method, url, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise PacsError(
                f"{self.host}: expected the PACS itself; found one that leads elsewhere. Name that address."
            )
        response._content = self._bounded(response)  # what ``content`` gives, and all that reads it
        response._content_consumed = True
        return response

    def _answer(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """The first answer of a server that is not busy; urllib3's own way logs the address, and names in it."""
        for attempt in range(RETRIES if method == "GET" else 0):
            with suppress(requests.ConnectionError, requests.Timeout):
                response = super().request(method, url, *args, **kwargs)
                if response.status_code not in _BUSY:
                    return response
                response.close()
            time.sleep(PAUSE * 2**attempt)
        return super().request(method, url, *args, **kwargs)

    def _bounded(self, response: requests.Response) -> bytes:
        content, until = bytearray(), time.monotonic() + WHOLE
        with response:
            for piece in response.iter_content(PIECE):
                content += piece
                if len(content) > self.max_bytes:
                    raise TooLargeError(
                        f"{self.host}: expected an answer of at most {self.max_bytes / 2**20:.4g} MB; found a larger "
                        "one. Ask for fewer studies, or export the images at a smaller size."
                    )
                if time.monotonic() > until:
                    raise PacsError(f"{self.host}: expected an answer within {WHOLE:g} s; found one still going on.")
        return bytes(content)


class _Login(requests.auth.AuthBase):
    """Says who asks, to this server alone; ``repr`` shows nothing of it."""

    def __init__(self, settings: PacsSettings) -> None:
        self._settings = settings

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        settings = self._settings
        if settings.token:
            request.headers["Authorization"] = f"Bearer {settings.token}"
        elif settings.user:
            basic = requests.auth.HTTPBasicAuth(settings.user.encode(), settings.password.encode())
            return basic(request)
        return request
