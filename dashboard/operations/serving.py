"""The metrics on an address of their own, for Prometheus; it is up to the operator who reaches that."""

from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from dashboard.operations.metrics import REGISTRY
from dashboard.operations.store_metrics import StoreMetrics
from nero_core.errors import NeroError


def serve_metrics(address: str, of_store: StoreMetrics) -> WSGIServer:
    """Serve the metrics in a thread.

    Args:
        address: ``host:port``.
        of_store: what the store says.

    Returns:
        The server, which runs.

    Raises:
        NeroError: the address is none, or not free.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise NeroError(f"Expected an address for metrics such as 127.0.0.1:9464. Found {address[:80]!r}. Mend it.")
    try:
        server, _ = start_http_server(int(port), host.strip("[]"), REGISTRY)
    except OSError as error:
        raise NeroError(
            f"Expected to serve metrics at {address}. Found: {error.strerror or error}. Choose another address."
        ) from error
    REGISTRY.register(of_store)
    return server
