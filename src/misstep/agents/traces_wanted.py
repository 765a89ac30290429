"""Are traces asked for, and can they be had? OpenTelemetry is loaded only then: without traces it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import structlog

from misstep.agents.plan import Plan
from misstep.errors import UsageError

if TYPE_CHECKING:
    from misstep.agents.tracing import Traces

log = structlog.get_logger(__name__)

INSTALL = "pip install 'misstep[otel]'"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def asked_for(endpoint: str | None, environ: Mapping[str, str]) -> str | None:
    """Who asks for traces: the name of a variable; None: nobody, or OpenTelemetry's own switches are against it.

    endpoint: the setting MISSTEP_OTLP, which comes first.
    """
    if endpoint:
        return "MISSTEP_OTLP"
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    return next((name for name in _ENDPOINTS if environ.get(name)), None)


def open_traces(
    endpoint: str | None, environ: Mapping[str, str], resource: Mapping[str, str], plans: Iterable[Plan]
) -> Traces | None:
    """Traces as settings and environment ask for them; None when nobody does.

    UsageError when MISSTEP_OTLP asks and the extra is not installed. A variable that a cluster sets for everybody is no
    reason not to run: then a log line says what is missing.
    """
    who = asked_for(endpoint, environ)
    if who is None:
        return None
    try:
        from misstep.agents.tracing import otlp_traces
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        if endpoint:
            raise UsageError(f"{who} asks for traces, which need an extra: {INSTALL}.") from None
        log.warning("no traces: an extra is not installed", asked_by=who, install=INSTALL)
        return None
    log.info("traces are sent", asked_by=who)
    if "OTEL_BSP_MAX_QUEUE_SIZE" in environ:
        return otlp_traces(endpoint, resource, plans, None)
    return otlp_traces(endpoint, resource, plans)
