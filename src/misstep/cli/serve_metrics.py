"""A process's metrics over HTTP, for Prometheus to fetch."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, ProcessCollector, start_http_server

from misstep.errors import UsageError

HERE_ONLY = "127.0.0.1"
PROCESS = ("misstep_process", "What this process is: always 1.")
PROCESS_LABELS = ("role", "build")


def metrics_options(parser: ArgumentParser) -> None:
    """What every process of `misstep run` is told of its metrics."""
    parser.add_argument("--metrics-port", type=int, help="serve metrics there")
    parser.add_argument("--metrics-address", default=HERE_ONLY, help="on this address of the host")


def serve_metrics(options: Namespace, role: str, build: str, registry: CollectorRegistry = REGISTRY) -> None:
    """Serve a registry at `/metrics`, if the options name a port. UsageError for a place that cannot be had.

    role: what the process is (`worker`, `audit sink`). build: the version of the code that it runs.
    """
    if options.metrics_port is None:
        return
    what = Gauge(*PROCESS, PROCESS_LABELS, registry=registry)
    what.labels(role, build).set(1)
    if registry is not REGISTRY:  # the library's own has it already
        ProcessCollector(registry=registry)
    try:
        start_http_server(options.metrics_port, addr=options.metrics_address, registry=registry)
    except (OSError, OverflowError) as error:
        where = f"Port {options.metrics_port}"
        where += f" of {options.metrics_address}" if options.metrics_address != HERE_ONLY else ""
        raise UsageError(
            f"{where} cannot be used for metrics ({getattr(error, 'strerror', None) or error}): "
            "choose another --metrics-port."
        ) from None
