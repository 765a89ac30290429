"""A dead letter as a row of `dead_letters`: its bytes as they are, and what its envelope says."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from misstep.bus.topics import Topics
from misstep.contracts.event import case_id_of
from misstep.contracts.letter import PREFIX, letter_fingerprint
from misstep.store.careful_row import (
    INT4_MAX,
    INT8_MAX,
    TEXT_MAX_CHARS,
    WORD_MAX_CHARS,
    CarefulRows,
    headers_of,
    kafka_moment,
    moment_of,
    text_of,
)
from misstep.store.kafka_message import KafkaMessage
from misstep.store.source import Source
from misstep.store.stored_case_id import stored_case_id

INSERT_LETTER: Final = """
INSERT INTO dead_letters (
    namespace, workflow, case_id, epoch, state_version, agent, reason, detail, fingerprint, attempts,
    first_failure, last_failure, origin_topic, origin_partition, origin_offset, origin_timestamp, origin_group,
    key, value, headers, dlq_topic, dlq_partition, dlq_offset, dlq_timestamp
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %b, %b, %s::jsonb, %s, %s, %s, %s)
ON CONFLICT (dlq_topic, dlq_partition, dlq_offset, dlq_timestamp) DO NOTHING
"""


def letter_row(topics: Topics, rows: CarefulRows, message: KafkaMessage, source: Source) -> tuple[Any, ...]:
    """The values of INSERT_LETTER for a message of the dead-letter topic."""
    headers = headers_of(message)
    written = kafka_moment(message)

    def word(name: str, max_chars: int = WORD_MAX_CHARS) -> str:
        return text_of(headers.get(PREFIX + name, b""), max_chars)

    def number(name: str, largest: int) -> int | None:
        raw = headers.get(PREFIX + name, b"")
        return int(raw) if raw.isdigit() and len(raw) <= 19 and int(raw) <= largest else None

    case_id = word("caseid", 10_000) or case_id_of(
        message.key(), message.topic(), message.partition(), message.offset()
    )
    reason, raw_reason = rows.reason(headers.get(PREFIX + "reason", b"agent_fault"))
    detail = word("detail", TEXT_MAX_CHARS)
    if raw_reason:
        detail = f"reason {raw_reason!r}: {detail}"
    agent = word("agent") or source.agent
    origin_ms = number("timestamp", 253_402_300_799_000)
    return (
        topics.namespace,
        topics.workflow,
        stored_case_id(case_id),
        number("epoch", INT4_MAX) or 0,
        number("version", INT4_MAX) or 0,
        agent,
        reason,
        detail or None,
        word("fingerprint", 64) or letter_fingerprint(reason, agent, detail),
        number("attempts", INT4_MAX),
        moment_of(headers.get(PREFIX + "firstfailure", b"")) or written,
        moment_of(headers.get(PREFIX + "lastfailure", b"")) or written,
        word("topic") or None,
        number("partition", INT4_MAX),
        number("offset", INT8_MAX),
        None if origin_ms is None else datetime.fromtimestamp(origin_ms / 1000, UTC),
        word("group") or None,
        message.key(),
        message.value(),
        headers_json(message),
        source.topic,
        message.partition(),
        message.offset(),
        written,
    )


def headers_json(message: KafkaMessage) -> str:
    """Every header in its order as [name, base64 of its bytes], which keeps them byte for byte."""
    try:
        pairs = message.headers() or []
    except UnicodeDecodeError:
        pairs = []
    return orjson.dumps(
        [
            [text_of(name.encode("utf-8", "backslashreplace"), 10_000), None if value is None else _base64(value)]
            for name, value in pairs
        ]
    ).decode()


def _base64(value: bytes | str) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
