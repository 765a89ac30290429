"""A state version as a row of `case_turns`, as fast as Python can: bytes are passed on, nothing is parsed.

What does not look right at first sight is left to `careful_row`; what looks right and is not, Postgres refuses, and
the batch is written again by the careful path. So no event is ever read twice as carefully as it needs.
"""

from __future__ import annotations

import re
from typing import Final

from misstep.bus.topics import Topics
from misstep.contracts.event import CASES, Timestamps, hash_of_bare_case
from misstep.store.kafka_message import KafkaMessage
from misstep.store.source import Source
from misstep.store.stored_case_id import MAX_CHARS
from misstep.store.turn_columns import SEPARATOR, TURN_COLUMNS, escaped

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)").fullmatch
_JSON_STARTS: Final = frozenset(b'{["0123456789-tfn')
_CONTRACTS_KEPT: Final = 1_000


class FastRows:
    """Makes rows of the events of one workflow; returns None for an event that needs the careful path."""

    def __init__(self, topics: Topics, reasons: set[bytes]) -> None:
        self._workflow = topics.workflow
        self._head = topics.namespace.encode() + SEPARATOR + topics.workflow.encode()
        self._reasons = reasons
        self._times = Timestamps()
        self._contracts: dict[bytes, bytes] = {b"": b""}
        self.months: set[bytes] = set()
        """Months, as `2026-01`, in which events have happened since it was last emptied."""

    def row(self, message: KafkaMessage, source: Source) -> bytes | None:
        headers = message.headers()
        get = dict(headers or ()).get
        key = message.key()
        value = message.value() or b""
        if type(key) is not bytes or not key or len(key) > MAX_CHARS or (value and value[0] not in _JSON_STARTS):
            return None
        reason = get("ce_failurereason")
        version = get("ce_stateversion")
        hashed = get("ce_hash")
        if version is None:
            if not source.initial or reason is not None:
                return None
            version = b"0"
            reason = b"ok"
        elif reason is None or not hashed or not version.isdigit():
            return None
        degraded = get("ce_degraded") or b""
        epoch = get("ce_epoch") or b"0"
        if reason not in self._reasons or (degraded and degraded not in self._reasons) or not epoch.isdigit():
            return None
        try:
            case_id = key.decode()
        except UnicodeDecodeError:
            return None
        if not case_id.isprintable():
            return None
        occurred = get("ce_time")
        if occurred is None:
            kind, at_ms = message.timestamp()
            if not kind or at_ms <= 0:
                return None
            occurred = self._times.text(at_ms)
        elif _TIME(occurred) is None:
            return None
        self.months.add(occurred[:7])
        schema = get("ce_dataschema") or b""
        contract = self._contracts.get(schema)
        if contract is None:
            contract = self._contract(schema)
        row = SEPARATOR.join(
            (
                self._head,
                key,
                epoch,
                version,
                get("ce_agent") or source.agent.encode(),
                source.kind_of(get("ce_authority")).encode(),
                contract,
                reason,
                get("ce_failuredetail") or b"",
                get("ce_route") or (b"next" if source.kind == CASES else b""),
                get("ce_attempts") or b"",
                get("ce_tries") or b"",
                degraded,
                get("ce_latencyms") or b"",
                get("ce_tokens") or b"",
                get("ce_authority") or b"",
                get("ce_evidence") or b"",
                get("ce_justification") or b"",
                value,
                get("ce_build") or b"",
                get("traceparent") or b"",
                get("ce_prevhash") or b"",
                hashed or hash_of_bare_case(self._workflow, case_id, value),
                occurred,
                source.topic.encode(),
                b"%d" % message.partition(),
                b"%d" % message.offset(),
            )
        )
        if row.count(SEPARATOR) != len(TURN_COLUMNS) - 1:
            return None
        return escaped(row)

    def _contract(self, schema: bytes) -> bytes:
        contract = contract_of(schema)
        if len(self._contracts) < _CONTRACTS_KEPT:
            self._contracts[schema] = contract
        return contract


def contract_of(schema: bytes) -> bytes:
    """`name@version` out of `urn:misstep:{name}:{version}:{sha256}`; another schema's text as it is."""
    parts = schema.split(b":")
    if len(parts) == 5 and parts[:2] == [b"urn", b"misstep"]:
        return parts[2] + b"@" + parts[3]
    return schema[:400]
