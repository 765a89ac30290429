"""A process's metrics over HTTP, for Prometheus to fetch."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from misstep.errors import UsageError


def serve_metrics(port: int | None, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve a registry at `/metrics` on 127.0.0.1; None: not at all. UsageError for a port that is taken."""
    if port is None:
        return
    try:
        start_http_server(port, addr="127.0.0.1", registry=registry)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Port {port} cannot be used for metrics ({getattr(error, 'strerror', None) or error}): "
            "choose another --metrics-port."
        ) from None
