"""Whether a row of the audit is what stands in Kafka, and whether that is what was hashed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from misstep.contracts.event import case_id_of, hash_of, hash_of_bare_case
from misstep.store.careful_row import headers_of, raw_json, text_of
from misstep.store.case_story import StoryVersion
from misstep.store.jsonb_text import jsonb_text
from misstep.store.kafka_message import KafkaMessage
from misstep.store.stored_case_id import stored_case_id
from misstep.store.turn_row import contract_of


def forgery(stored_id: str, version: StoryVersion, payload: str | None, message: KafkaMessage) -> str:
    """What is wrong between a row and its event, in words; empty when nothing is.

    `payload` is the row's payload as Postgres writes it: text, so that no number is rounded on the way.
    """
    headers = headers_of(message)
    value = message.value()
    case_id = case_id_of(message.key(), message.topic(), message.partition(), message.offset())
    if stored_case_id(case_id) != stored_id:
        return f"the event is of case {case_id[:80]}"
    if "ce_hash" in headers:
        said = headers["ce_hash"]
        computed = hash_of(headers, value)
        if said != computed:
            return "the event's hash does not fit what it carries"
        identity = _text(headers, "ce_id")
        name = f"/{version.epoch}/{version.version}/{version.agent}"
        if not identity.endswith(name):
            return f"the event is {identity or 'nameless'}, the audit says {name[1:]}"
    else:
        computed = hash_of_bare_case(version.workflow, case_id, value)
    if version.hash != computed.decode():
        return "the audit has another hash than the event"
    if "ce_stateversion" in headers:
        different = _different(version, headers)
        if different:
            return f"the audit differs from the event in {', '.join(different)}"
    if _payload_differs(payload, value):
        return "the audit has another payload than the event"
    return ""


def _different(version: StoryVersion, headers: dict[str, bytes]) -> list[str]:
    unreadable = version.evidence.get("_unreadable", {}) if isinstance(version.evidence, dict) else {}
    pairs: dict[str, tuple[str | None, str]] = {
        "failure_reason": (version.reason, "ce_failurereason"),
        "route": (version.route, "ce_route"),
        "agent": (version.agent, "ce_agent"),
        "epoch": (str(version.epoch), "ce_epoch"),
        "state_version": (str(version.version), "ce_stateversion"),
        "failure_detail": (version.detail, "ce_failuredetail"),
        "degraded": (version.degraded, "ce_degraded"),
        "justification": (version.justification, "ce_justification"),
        "prev_hash": (version.prev_hash, "ce_prevhash"),
        "build": (version.build, "ce_build"),
    }
    different = [
        column
        for column, (stored, header) in pairs.items()
        if header not in unreadable and not (column == "failure_detail" and "ce_failurereason" in unreadable)
        if (stored or "") != _text(headers, header)
    ]
    if (version.contract or "") != contract_of(headers.get("ce_dataschema", b"")).decode("utf-8", "backslashreplace"):
        different.append("contract")
    return different


def _text(headers: dict[str, bytes], name: str) -> str:
    return text_of(headers.get(name, b""), 20_000)


def _payload_differs(stored: str | None, value: bytes | None) -> bool:
    if not value or stored is None:
        return bool(value) or stored is not None
    accepted = jsonb_text(value)
    if accepted is None:
        # Bytes of another encoding: the row has them raw, or decoded by a schema that is not at hand here.
        return "_raw_base64" in stored and bool(_numbers_kept(stored) != _numbers_kept(raw_json(value).decode()))
    return bool(_numbers_kept(stored) != _numbers_kept(accepted[0].decode()))


def _numbers_kept(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
