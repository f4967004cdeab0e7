"""Response headers that keep the page to itself: nothing from elsewhere runs in it, and it runs in nothing else."""

from collections.abc import MutableMapping
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette import starlette_app

from dashboard.answers import Answers

# Streamlit's page holds scripts and styles of its own in the HTML; components of its own come as scripts in a blob,
# pictures as data, and downloads as a blob.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss:",  # not every browser counts the page's own WebSocket to 'self'
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
_ENCODED = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_middleware = starlette_app.create_streamlit_middleware


class SecurityHeaders:
    """Adds ``HEADERS`` to every answer that has none of that name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI call."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def _add(message: MutableMapping[str, Any]) -> None:
    there = list(message.get("headers", []))
    names = {name.lower() for name, _ in there}
    message["headers"] = [*there, *(pair for pair in _ENCODED if pair[0] not in names)]


def with_headers() -> list[Middleware]:
    """As Streamlit's own list, with ours around it."""
    return [Middleware(SecurityHeaders), Middleware(Answers), *_middleware()]


def add_headers() -> None:
    """For every answer of the server of this process."""
    starlette_app.create_streamlit_middleware = with_headers
