"""The columns that the sink writes, in the order in which a row's text holds them."""

from __future__ import annotations

from typing import Final

TURN_COLUMNS: Final = (
    "namespace",
    "workflow",
    "case_id",
    "epoch",
    "state_version",
    "agent",
    "kind",
    "contract",
    "failure_reason",
    "failure_detail",
    "route",
    "attempts",
    "tries",
    "degraded",
    "latency_ms",
    "tokens",
    "authority",
    "evidence",
    "justification",
    "payload",
    "build",
    "traceparent",
    "prev_hash",
    "hash",
    "occurred_at",
    "kafka_topic",
    "kafka_partition",
    "kafka_offset",
)

SEPARATOR: Final = b"\x1f"
"""Between fields. Neither JSON nor the headers of a well-formed event contain this control character, so rows need no
escaping field by field; what does contain it is rewritten by the careful path."""

COPY_TURNS: Final = (
    f"COPY case_turns ({', '.join(TURN_COLUMNS)}) FROM STDIN "
    "WITH (FORMAT text, DELIMITER E'\\x1f', NULL '', ENCODING 'UTF8')"
)


def escaped(row: bytes) -> bytes:
    """A row's text with the three characters escaped that COPY would read as its own. Empty fields are NULL."""
    if b"\\" in row:
        row = row.replace(b"\\", b"\\\\")
    if b"\n" in row:
        row = row.replace(b"\n", b"\\n")
    if b"\r" in row:
        row = row.replace(b"\r", b"\\r")
    return row + b"\n"
