"""The event: one immutable state version as it travels in Kafka (CloudEvents 1.0, binary mode).

Everything here is a plain function of bytes and text. The worker, the audit sink, `rehearse` and the tests read and
write events through this module alone, so the names of headers and the hash chain are defined once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

OK: Final = "ok"

# Where an event goes (`ce_route`), decided once, when it is emitted.
NEXT: Final = "next"
END: Final = "end"
DEGRADE: Final = "degrade"
ESCALATE: Final = "escalate"
DEAD_LETTER: Final = "dead_letter"
COMPENSATE: Final = "compensate"
TO: Final = "to:"
UNDO: Final = "undo:"
"""Followed by the agent whose step is undone next."""
STOP: Final = "stop"
"""An operator's mark has stopped this branch of a fork; its join ends the case."""

CASES: Final = "cases"
"""The `ce_agent` of state version 0, and the last part of the topic that carries it."""
OUTCOMES: Final = "outcomes"
"""The `ce_agent` of a case's terminal event, and the last part of the topic that carries it."""

HEADERS: Final = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
    "ce_workflow",
    "ce_agent",
    "ce_epoch",
    "ce_stateversion",
    "ce_failurereason",
    "ce_route",
    "ce_score",
    "ce_build",
    "ce_carried",
    "ce_tries",
    "ce_failuredetail",
    "ce_evidence",
    "ce_justification",
    "ce_attempts",
    "ce_handoffs",
    "ce_deadline",
    "ce_latencyms",
    "ce_tokens",
    "ce_authority",
    "ce_degraded",
    "ce_idempotencykey",
    "ce_history",
    "ce_prevhash",
    "ce_hash",
    "traceparent",
)
"""Every header that an event may carry, in the order of the design."""

DETAIL_MAX_CHARS: Final = 2_000
JUSTIFICATION_MAX_CHARS: Final = 4_000
EVIDENCE_MAX_BYTES: Final = 8_000
TRIES_MAX: Final = 50

OPERATOR: Final = "operator"
"""The `ce_agent` of what an operator writes into an agent's inbox."""

Headers = list[tuple[str, bytes]]
Step = tuple[str, int, int, int, str]
"""One entry of `ce_history`: agent, version, partition, offset, reason. Offset -1: written in the same transaction."""


class MalformedEvent(ValueError):
    """A header that is missing or says something impossible; its text is the failure's detail."""


@dataclass(slots=True)
class Lineage:
    """What an event says of its case: who it is, where it stands and what is left of its budgets."""

    case_id: str
    epoch: int
    version: int
    agent: str
    reason: str
    route: str
    steps: Sequence[Step]
    history: bytes
    """`ce_history` as it was written; an output's history is this text and one entry more."""
    hash: bytes
    handoffs: int | None
    deadline: bytes | None
    degraded: str | None
    traceparent: bytes | None
    broken: str | None = None
    """Why the version step does not hold; None when `version` is what the history says."""
    joined: bool = False
    """`history` holds the parents already: they are several."""
    step: str = ""
    """The event's name in the histories of what follows it: its agent's, unless it stands in a topic of another kind
    (see Topics.of_step)."""

    def __post_init__(self) -> None:
        self.step = self.step or self.agent


@dataclass(slots=True, frozen=True)
class Record:
    """A message to be produced: where, and what. `partition` is the case's own, the same in every topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


def case_id_of(key: bytes | None, topic: str, partition: int, offset: int) -> str:
    """The case's id: the message's key as text; a message without a usable key is named by where it stands.

    Bytes that are no UTF-8 and control characters are written as escapes, so that every key is text that a person can
    type and Postgres can store.
    """
    if not key:
        *_, where = topic.split(".", 2)
        return f"unkeyed-{partition}-{offset}" if where == CASES else f"unkeyed-{where}-{partition}-{offset}"
    text = key.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def event_id(case_id: str, epoch: int, version: int, agent: str) -> bytes:
    """`ce_id`: deterministic, so the same state version has the same id wherever it is made."""
    return f"{case_id}/{epoch}/{version}/{agent}".encode()


def chain_hash(
    previous: bytes,
    workflow: bytes,
    identity: bytes,
    dataschema: bytes,
    reason: bytes,
    route: bytes,
    evidence: bytes,
    justification: bytes,
    value: bytes | None,
) -> bytes:
    """`ce_hash`: sha256, in hex, over the previous hash, the identity headers, the verdict and the value.

    The parts are joined by NUL, which none of the header texts contains; the value comes last, so the text is
    unambiguous.
    """
    parts = (previous, workflow, identity, dataschema, reason, route, evidence, justification, value or b"")
    return hashlib.sha256(b"\0".join(parts)).hexdigest().encode()


def hash_of(headers: Mapping[str, bytes], value: bytes | None) -> bytes:
    """Recompute an event's `ce_hash` from what it carries."""
    get = headers.get
    return chain_hash(
        get("ce_prevhash", b""),
        get("ce_workflow", b""),
        get("ce_id", b""),
        get("ce_dataschema", b""),
        get("ce_failurereason", b""),
        get("ce_route", b""),
        get("ce_evidence", b""),
        get("ce_justification", b""),
        value,
    )


def hash_of_bare_case(workflow: str, case_id: str, value: bytes | None) -> bytes:
    """The hash that a case published without headers starts its chain with."""
    return chain_hash(b"", workflow.encode(), event_id(case_id, 0, 0, CASES), b"", b"ok", b"next", b"", b"", value)


def _number(headers: Mapping[str, bytes], name: str) -> int:
    raw = headers[name]
    if not raw.isdigit() or len(raw) > 9:
        raise MalformedEvent(f"header {name} is {_shown(raw)}, not a number")
    return int(raw)


def _shown(raw: bytes) -> str:
    text = raw[:40].decode("utf-8", "backslashreplace")
    return f"{text!r}{' (cut)' if len(raw) > 40 else ''}"


def read_lineage(
    headers: Mapping[str, bytes], *, workflow: str, case_id: str, value: bytes | None, initial: bool
) -> Lineage:
    """Read what an event says of its case.

    `initial` is true for messages of the `cases` topic: there, missing headers mean version 0 of epoch 0. Elsewhere a
    missing or unreadable header is a broken event. Raises MalformedEvent with the header's name.
    """
    if initial and "ce_stateversion" not in headers:
        return Lineage(
            case_id=case_id,
            epoch=_number(headers, "ce_epoch") if "ce_epoch" in headers else 0,
            version=0,
            agent=CASES,
            reason=OK,
            route=NEXT,
            steps=(),
            history=b"[]",
            hash=headers.get("ce_hash") or hash_of_bare_case(workflow, case_id, value),
            handoffs=None,
            deadline=headers.get("ce_deadline"),
            degraded=None,
            traceparent=headers.get("traceparent"),
        )
    try:
        version = _number(headers, "ce_stateversion")
        epoch = _number(headers, "ce_epoch")
        agent = headers["ce_agent"].decode()
        reason = headers["ce_failurereason"].decode()
        route = headers["ce_route"].decode()
        history = headers["ce_history"] if not initial else headers.get("ce_history", b"[]")
        hashed = headers["ce_hash"]
    except KeyError as missing:
        raise MalformedEvent(f"header {missing.args[0]} is missing") from None
    except UnicodeDecodeError:
        raise MalformedEvent("a header is not UTF-8 text") from None
    handoffs = _number(headers, "ce_handoffs") if "ce_handoffs" in headers else None
    degraded = headers.get("ce_degraded")
    lineage = Lineage(
        case_id=case_id,
        epoch=epoch,
        version=version,
        agent=agent,
        reason=reason,
        route=route,
        steps=(),
        history=b"[]",
        hash=hashed,
        handoffs=handoffs,
        deadline=headers.get("ce_deadline"),
        degraded=degraded.decode("utf-8", "replace") if degraded else None,
        traceparent=headers.get("traceparent"),
    )
    try:
        lineage.steps = parse_history(history)
        lineage.history = history
    except MalformedEvent as error:
        lineage.broken = str(error)
        return lineage
    lineage.broken = broken_step(version, lineage.steps)
    return lineage


def parse_history(raw: bytes) -> Sequence[Step]:
    """`ce_history` as a list of [agent, version, partition, offset, reason]; MalformedEvent if it is not one."""
    try:
        steps = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedEvent(f"header ce_history is not JSON: {_shown(raw)}") from None
    if type(steps) is not list:
        raise MalformedEvent("header ce_history is not a list")
    for step in steps:
        if (
            type(step) is not list
            or len(step) != 5
            or type(step[0]) is not str
            or type(step[1]) is not int
            or type(step[2]) is not int
            or type(step[3]) is not int
            or type(step[4]) is not str
        ):
            raise MalformedEvent(f"header ce_history has an entry that is no step: {str(step)[:80]}")
    return steps


def broken_step(version: int, steps: Sequence[Step]) -> str | None:
    """Why `version` is not what the history says, or None. Branches of a fork share a number; none may be skipped."""
    expected = 0
    for step in steps:
        if step[1] == expected:
            expected += 1
        elif step[1] != expected - 1:
            return f"its history goes from version {expected - 1} to {step[1]}; version {expected} is missing"
    if version != expected:
        return f"it says version {version}, its history says {expected}"
    return None


def extend_history(history: bytes, agent: str, version: int, partition: int, offset: int, reason: str) -> bytes:
    """`ce_history` with one entry more. The text is extended, not parsed: agents' names need no escaping."""
    entry = f'["{agent}",{version},{partition},{offset},"{reason}"]'.encode()
    if len(history) <= 2:
        return b"[" + entry + b"]"
    return history[:-1] + b"," + entry + b"]"


def next_traceparent(previous: bytes | None, case_id: str, epoch: int, hashed: bytes) -> bytes:
    """`traceparent` of an output: the case's trace, and a span id taken from the event's own hash."""
    if previous and len(previous) == 55 and previous[:3] == b"00-":
        return previous[:36] + hashed[:16] + previous[52:]
    trace = hashlib.sha256(f"{case_id}/{epoch}".encode()).hexdigest()[:32].encode()
    return b"00-" + trace + b"-" + hashed[:16] + b"-01"


def now_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return int(time.time() * 1000)


class Timestamps:
    """RFC 3339 text of a moment in UTC with milliseconds; a second's text is made once, and a millisecond's too.

    Two moments compare as their texts do, which is how deadlines are checked without parsing.
    """

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""
        self._last = (-1, b"")

    def text(self, at_ms: int) -> bytes:
        last_ms, last = self._last
        if at_ms == last_ms:
            return last
        second, ms = divmod(at_ms, 1000)
        if second != self._second:
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        text = f"{self._prefix}.{ms:03d}Z".encode()
        self._last = (at_ms, text)
        return text


def cut_text(text: str, max_chars: int) -> bytes:
    """Text as a header's bytes, cut visibly when it is too long."""
    if len(text) > max_chars:
        text = f"{text[:max_chars]} … ({len(text) - max_chars} characters cut)"
    return text.encode("utf-8", "backslashreplace").replace(b"\0", b"\\0")


def cut_evidence(evidence: Mapping[str, object]) -> bytes:
    """Evidence as JSON of at most 8,000 bytes: whole keys are left out, and `_cut` names them.

    What JSON or Postgres cannot hold (NUL, huge integers, strange objects) is written as text.
    """
    if not evidence:
        return b"{}"
    dumped = {key: _dumped(value) for key, value in evidence.items()}
    kept: list[bytes] = []
    cut: list[str] = []
    room = EVIDENCE_MAX_BYTES - 500
    whole = sum(len(value) + len(key) + 8 for key, value in dumped.items()) <= room
    for key, value in dumped.items():
        entry = orjson.dumps(_without_nul(key)) + b":" + value
        if whole or len(entry) < room:
            kept.append(entry)
            room -= len(entry) + 1
        else:
            cut.append(f"{key[:40]} ({len(value)} bytes)")
    if cut:
        named = cut if len(cut) <= 8 else [*cut[:7], f"and {len(cut) - 7} more"]
        kept.append(b'"_cut":' + orjson.dumps(named))
    return b"{" + b",".join(kept) + b"}"


def _dumped(value: object) -> bytes:
    try:
        raw = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (orjson.JSONEncodeError, ValueError, RecursionError):
        return orjson.dumps(ascii(value)[:1_000])
    if b"\\u0000" in raw:
        return orjson.dumps(_without_nul(value), default=str, option=orjson.OPT_NON_STR_KEYS)
    return raw


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_without_nul(str(key)): _without_nul(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(part) for part in value]
    return value


def tries_json(tries: Sequence[tuple[str, int]]) -> bytes:
    """`ce_tries`: the attempts before this result as [reason, waited ms]; the first and the last are kept."""
    if len(tries) > TRIES_MAX:
        half = TRIES_MAX // 2
        left_out = len(tries) - 2 * half
        return orjson.dumps([*tries[:half], [f"({left_out} more)", 0], *tries[-half:]])
    return orjson.dumps(tries)
