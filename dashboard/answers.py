"""What the server answers besides the page: whether it lives and is ready; and the number that each request has.

Nobody has to log in to ask, so the answers name nothing: no reference set, no folder, no user.
"""

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.health import CHECKS, Readiness
from dashboard.operations.logs import Event, event
from dashboard.windows import Windows

ALIVE, READY = "/healthz", "/readyz"
HIDDEN = "/_stcore/metrics"  # Streamlit's: tells everybody of use, and looks through all caches
REQUEST_ID = "x-request-id"
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")  # a proxy's number; nothing that could be a line or a name
_NO_STORE = {"Cache-Control": "no-store"}
_log = logging.getLogger(__name__)


class Answers:
    """Numbers each request, logs what matters of it, and answers who asks for the server's health."""

    def __init__(self, app: ASGIApp, readiness: Readiness | None = None, windows: Windows | None = None) -> None:
        self.app, self.readiness, self.windows = app, readiness or Readiness(CHECKS), windows or Windows()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI call."""
        if scope["type"] == "websocket":
            await self._window(scope, receive, send)
        elif scope["type"] == "http":
            given = Headers(scope=scope).get(REQUEST_ID, "")
            with event(resumed=Event(given) if _GIVEN.fullmatch(given) else None) as request:
                await self._request(scope, receive, send, request)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send, request: Event) -> None:
        start, status = time.perf_counter(), 0

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request.number
            await send(message)

        try:
            await self._answer(scope, receive, numbered)
        except Exception:
            _log.exception("unforeseen in a request", extra={"kind": _kind(scope["path"])})
            raise
        finally:
            if status >= 500 or (status and _kind(scope["path"]) == "upload"):
                seconds = round(time.perf_counter() - start, 3)
                facts = {"method": scope["method"], "kind": _kind(scope["path"]), "status": status, "seconds": seconds}
                _log.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra=facts)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == ALIVE:
            await PlainTextResponse("ok", headers=_NO_STORE)(scope, receive, send)
        elif scope["path"] == READY:
            report = await self.readiness.report()
            content = {"ready": report.is_ready, "checks": dict(report.checks)}
            answer = JSONResponse(content, 200 if report.is_ready else 503, headers=_NO_STORE)
            await answer(scope, receive, send)
        elif scope["path"].endswith(HIDDEN):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _window(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.windows.opened()
        try:
            await self.app(scope, receive, send)
        finally:
            self.windows.closed()


def _kind(path: str) -> str:
    """What a path asks for; the path itself holds ids that open uploads."""
    for part, kind in (("/upload_file/", "upload"), ("/media/", "media"), ("/_stcore/", "service"), (READY, "health")):
        if part in path:
            return kind
    return "page"
