"""The watch's client is another one than every other part's: what these sign on with, in its words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

import faust

from misstep.errors import UsageError

_MECHANISMS: Final = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})


def credentials(settings: Mapping[str, Any]) -> Any:
    """Faust's credentials of a client's settings; None for a cluster that asks for none. Raises UsageError."""
    protocol = str(settings.get("security.protocol", "PLAINTEXT")).upper()
    context = _context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        mechanism = str(settings.get("sasl.mechanism") or settings.get("sasl.mechanisms") or "GSSAPI")
        if mechanism not in _MECHANISMS:
            raise UsageError(
                f"`misstep watch` signs on with {', '.join(sorted(_MECHANISMS))}, and not with {mechanism}."
            )
        return faust.SASLCredentials(
            username=settings.get("sasl.username"),
            password=settings.get("sasl.password"),
            mechanism=mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def _context(settings: Mapping[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.get("ssl.ca.location"))
        if certificate := settings.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, settings.get("ssl.key.location"), settings.get("ssl.key.password"))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The files that ssl.* names cannot be used: {error}.") from None
    return context
