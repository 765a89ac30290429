"""A process's metrics over HTTP, for Prometheus to fetch."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from misstep.errors import UsageError


def serve_metrics(port: int | None, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve a registry at `/metrics` on every address of this host; None: not at all. UsageError for a taken port."""
    if port is None:
        return
    try:
        start_http_server(port, registry=registry)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Port {port} cannot be used for metrics ({getattr(error, 'strerror', None) or error}): "
            "choose another --metrics-port."
        ) from None
