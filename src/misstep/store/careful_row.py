"""A state version as a row of `case_turns`, whatever it looks like.

The event may come from anyone: garbage in headers, values that are no JSON or JSON that Postgres refuses. Each field
is read for itself, what cannot be stored as it is stands rewritten or empty, and `evidence._unreadable` says so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from misstep.bus.topics import Topics
from misstep.contracts.event import OK, case_id_of, hash_of_bare_case
from misstep.contracts.failure import well_formed
from misstep.store.jsonb_text import jsonb_text
from misstep.store.kafka_message import KafkaMessage
from misstep.store.source import Source
from misstep.store.stored_case_id import stored_case_id
from misstep.store.turn_columns import SEPARATOR, escaped
from misstep.store.turn_row import contract_of

DecodeAvro = Callable[[Mapping[str, bytes], bytes], bytes | None]
"""Headers and value to JSON text, or None when the value is no Avro or its schema is not known."""
AddReason = Callable[[str], bool]

RAW_MAX_BYTES: Final = 8_192
WORD_MAX_CHARS: Final = 1_000
TEXT_MAX_CHARS: Final = 20_000
INT4_MAX: Final = 2**31 - 1
INT8_MAX: Final = 2**63 - 1

_CONTROLS = re.compile(r"[\x00\x1f]")


def headers_of(message: KafkaMessage) -> dict[str, bytes]:
    """A message's headers by name; of several with one name the last, and none without a value."""
    try:
        pairs = message.headers() or []
    except UnicodeDecodeError:
        return {}
    return {name: value for name, value in pairs if isinstance(value, bytes)}


def text_of(raw: bytes, max_chars: int) -> str:
    """Bytes as text that Postgres stores and COPY carries: escapes for what is no UTF-8, cut visibly."""
    text = _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", raw.decode("utf-8", "backslashreplace"))
    if len(text) > max_chars:
        return f"{text[:max_chars]} … ({len(text) - max_chars} characters cut)"
    return text


def moment_of(raw: bytes) -> datetime | None:
    """An RFC 3339 time, or None if it is not one."""
    try:
        at = datetime.fromisoformat(raw.decode("ascii"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def kafka_moment(message: KafkaMessage) -> datetime:
    """When Kafka says that the message was written; this moment if it does not say."""
    kind, at_ms = message.timestamp()
    if kind and 0 < at_ms < 253_402_300_799_000:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    return datetime.now(UTC)


def raw_json(value: bytes) -> bytes:
    """Bytes that are no JSON, as JSON: the first 8 KB in base64, and how many there are."""
    shown: dict[str, object] = {"_raw_base64": base64.b64encode(value[:RAW_MAX_BYTES]).decode(), "_bytes": len(value)}
    if len(value) > RAW_MAX_BYTES:
        shown["_cut"] = True
    return orjson.dumps(shown)


class CarefulRows:
    """Makes rows of any message of one workflow's topics. `add_reason` makes a reason name known to Postgres."""

    def __init__(
        self, topics: Topics, reasons: set[bytes], add_reason: AddReason, decode_avro: DecodeAvro | None = None
    ) -> None:
        self._topics = topics
        self._reasons = reasons
        self._add_reason = add_reason
        self._decode_avro = decode_avro
        self.months: set[bytes] = set()

    def row(self, message: KafkaMessage, source: Source, *, later_us: int = 0) -> bytes:
        """The row; `later_us` moves its time by microseconds, for a place that another event has taken."""
        unreadable: dict[str, str] = {}
        headers = headers_of(message)
        value = message.value() or b""
        case_id = case_id_of(message.key(), message.topic(), message.partition(), message.offset())
        bare = source.initial and "ce_stateversion" not in headers

        def word(name: str, max_chars: int = WORD_MAX_CHARS) -> str:
            return text_of(headers.get(name, b""), max_chars)

        def number(name: str, largest: int, otherwise: str = "") -> str:
            raw = headers.get(name)
            if raw is None:
                if otherwise and not bare:
                    unreadable[name] = "missing"
                return otherwise
            if raw.isdigit() and len(raw) <= 19 and int(raw) <= largest:
                return str(int(raw))
            unreadable[name] = text_of(raw, 200)
            return otherwise

        def json(name: str) -> bytes:
            raw = headers.get(name)
            if not raw:
                return b""
            accepted = jsonb_text(raw)
            if accepted is None:
                unreadable[name] = text_of(raw, 2_000)
                return b""
            if accepted[1]:
                unreadable[name] = "; ".join(accepted[1])
            return accepted[0]

        epoch = number("ce_epoch", INT4_MAX, "0")
        version = number("ce_stateversion", INT4_MAX, "0")
        detail = word("ce_failuredetail", TEXT_MAX_CHARS)
        reason, raw_reason = self._reason(headers.get("ce_failurereason"), source, bare)
        if raw_reason:
            unreadable["ce_failurereason"] = raw_reason
            detail = f"reason {raw_reason!r}: {detail}" if detail else f"reason {raw_reason!r}"
        degraded = ""
        if headers.get("ce_degraded"):
            degraded, raw_degraded = self._reason(headers["ce_degraded"], source, bare)
            if raw_degraded:
                unreadable["ce_degraded"] = raw_degraded
        occurred = kafka_moment(message)
        if "ce_time" in headers:
            said = moment_of(headers["ce_time"])
            if said is None:
                unreadable["ce_time"] = text_of(headers["ce_time"], 200)
            else:
                occurred = said
        if later_us:
            try:
                occurred += timedelta(microseconds=later_us)
            except OverflowError:
                occurred -= timedelta(microseconds=later_us)
        payload = self._payload(headers, value, unreadable)
        hashed = word("ce_hash")
        if not hashed:
            hashed = hash_of_bare_case(self._topics.workflow, case_id, value).decode()
            if not bare:
                unreadable["ce_hash"] = "missing"
        fields: list[str | bytes] = [
            self._topics.namespace,
            self._topics.workflow,
            stored_case_id(case_id),
            epoch,
            version,
            word("ce_agent") or source.agent,
            source.kind_of(headers.get("ce_authority")),
            text_of(contract_of(headers.get("ce_dataschema", b"")), WORD_MAX_CHARS),
            reason,
            detail,
            word("ce_route"),
            number("ce_attempts", INT4_MAX),
            json("ce_tries"),
            degraded,
            number("ce_latencyms", INT8_MAX),
            number("ce_tokens", INT8_MAX),
            word("ce_authority"),
            b"",
            word("ce_justification", TEXT_MAX_CHARS),
            payload,
            word("ce_build"),
            word("traceparent"),
            word("ce_prevhash", TEXT_MAX_CHARS),
            hashed,
            time_text(occurred),
            source.topic,
            str(message.partition()),
            str(message.offset()),
        ]
        evidence = json("ce_evidence")
        fields[17] = with_unreadable(evidence, unreadable)
        self.months.add(time_text(occurred)[:7].encode())
        return escaped(SEPARATOR.join(one.encode() if isinstance(one, str) else one for one in fields))

    def bare_row(self, message: KafkaMessage, source: Source, refusal: str, *, later_us: int = 0) -> bytes:
        """The last resort, for a message that Postgres refused even so: its place, its bytes, and the refusal."""
        occurred = kafka_moment(message) + timedelta(microseconds=later_us)
        case_id = case_id_of(message.key(), message.topic(), message.partition(), message.offset())
        value = message.value() or b""
        shown = {name[:200]: text_of(raw, 500) for name, raw in list(headers_of(message).items())[:64]}
        fields: list[str | bytes] = [
            self._topics.namespace,
            self._topics.workflow,
            stored_case_id(case_id),
            "0",
            "0",
            source.agent,
            source.kind,
            "",
            "agent_fault" if source.failed else OK,
            "",
            *[""] * 7,
            orjson.dumps({"_refused": text_of(refusal.encode(), 1_000), "_headers": shown}),
            "",
            raw_json(value),
            *[""] * 3,
            hash_of_bare_case(self._topics.workflow, case_id, value),
            time_text(occurred),
            source.topic,
            str(message.partition()),
            str(message.offset()),
        ]
        return escaped(SEPARATOR.join(one.encode() if isinstance(one, str) else one for one in fields))

    def reason(self, raw: bytes) -> tuple[str, str]:
        """A reason that Postgres knows, and the raw name if it is not the one that was said."""
        if raw in self._reasons:
            return raw.decode(), ""
        name = text_of(raw, 200)
        if well_formed(name) and self._add_reason(name):
            return name, ""
        return "agent_fault", name

    def _reason(self, raw: bytes | None, source: Source, bare: bool) -> tuple[str, str]:
        if raw is None:
            return ("agent_fault", "(missing)") if source.failed else (OK, "" if bare else "(missing)")
        return self.reason(raw)

    def _payload(self, headers: Mapping[str, bytes], value: bytes, unreadable: dict[str, str]) -> bytes:
        if not value:
            return b""
        json = value
        if value[0] in (0x00, 0xC3):
            decoded = self._decode_avro(headers, value) if self._decode_avro else None
            # The Confluent wire format: a zero byte, four bytes of schema id, then (for JSON) the text.
            json = decoded if decoded is not None else value[5:] if value[0] == 0 else value
        accepted = jsonb_text(json)
        if accepted is None:
            unreadable["payload"] = "no JSON that Postgres takes"
            return raw_json(value)
        if accepted[1]:
            unreadable["payload"] = "; ".join(accepted[1])
        return accepted[0]


def time_text(at: datetime) -> str:
    """A moment as Postgres reads it, year 1 to 9999."""
    return at.astimezone(UTC).isoformat()


def with_unreadable(evidence: bytes, unreadable: Mapping[str, str]) -> bytes:
    """Evidence with what could not be read of the event; evidence that is no object is kept under `_evidence`."""
    if not unreadable:
        return evidence
    note = b'"_unreadable":' + orjson.dumps(dict(unreadable)) + b"}"
    text = evidence.strip()
    if not text:
        return b"{" + note
    if text[:1] != b"{":
        return b'{"_evidence":' + text + b"," + note
    body = text[:-1].rstrip()
    return body + note if body == b"{" else body + b"," + note
