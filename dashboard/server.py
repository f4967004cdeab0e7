"""Streamlit's command line, on a server whose small answers leave at once: ``python -m dashboard.server run app.py``.

Streamlit binds its socket itself, and for such a socket asyncio leaves Nagle's algorithm on (uvicorn, issue 3149): on a
connection that stays open each small file waits until the one before has been acknowledged, which Linux puts off by
40 ms. The first page that somebody opens is a hundred small files.
"""

import socket

from streamlit.web.cli import main

_listen = socket.socket.listen


def listen_without_delay(listening: socket.socket, *backlog: int) -> None:
    """As ``socket.listen``; what a TCP socket then accepts inherits ``TCP_NODELAY``."""
    if listening.family in (socket.AF_INET, socket.AF_INET6) and listening.type == socket.SOCK_STREAM:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _listen(listening, *backlog)


if __name__ == "__main__":
    socket.socket.listen = listen_without_delay  # type: ignore[method-assign]
    main(prog_name="streamlit")
