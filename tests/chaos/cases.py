"""The cases of the load: most go well; some wait, fail once, are refused and taken back, or end half way."""

import random
from collections.abc import Iterable
from typing import Any

import orjson

from misstep.contracts import Contract
from misstep.testing.chaos import Event
from misstep.testing.chaos.oracle import outcome_of

LINE: list[dict[str, list[str]]] = [
    *[{}] * 8,
    {"reserve": ["model_down", "ok"]},
    {"price": ["model_down", "model_down", "ok"]},
    {"charge": ["nap"]},
    {"charge": ["refused"]},
    {"charge": ["refused"]},
    {"charge": ["lost answer"]},
    {"charge": ["refused"], "undo reserve": ["raises", "ok"]},
    {"charge": ["refused"], "undo price": ["raises"]},
    {"confirm": ["rubric_fail"]},
]
PAIR: list[dict[str, list[str]]] = [
    *[{}] * 6,
    {"ask_bank": ["model_down", "ok"]},
    {"ask_bank": ["nap"]},
    {"decide": ["model_down", "ok"]},
    {"ask_register": ["refused"]},
    {"settle": ["refused"]},
    {"ask_bank": ["rubric_fail"]},
]


def maker(starts: type[Contract], ways: list[dict[str, list[str]]]) -> Any:
    """What makes a case of one of the ways from its number."""

    def make(number: int, chance: random.Random) -> Contract:
        return starts.model_validate({"number": number, "script": chance.choice(ways)})

    return make


def expected(script: dict[str, list[str]]) -> str:
    """How a case ends when nothing but its script goes wrong."""
    if script.get("undo price") == ["raises"]:
        return "partly_compensated"
    if script.get("charge", ["ok"])[0] in ("refused", "lost answer"):
        return "compensated"
    if "refused" in script.get("ask_register", []) + script.get("settle", []):
        return "compensated"
    if "confirm" in script or "huge" in script.get("price", []):
        return "dead_lettered"
    return "escalated" if script.get("ask_bank") == ["rubric_fail"] else "completed"


def otherwise(log: Iterable[Event], acknowledged: Iterable[str]) -> dict[str, int]:
    """How many of the cases ended otherwise than their script says, by how and why.

    No violation: a fault may well bring a case to another ending. But somebody should look at why.
    """
    due = {case for case in acknowledged if not case.startswith(("poison-", "unkeyed-"))}
    script: dict[str, str] = {}
    counted: dict[str, int] = {}
    for event in log:
        if event.case_id in due and event.place.topic.endswith(".cases"):
            try:
                script[event.case_id] = expected(orjson.loads(event.value or b"").get("script", {}))
            except (orjson.JSONDecodeError, AttributeError):
                script[event.case_id] = "dead_lettered"
    for event in log:
        if event.place.topic.endswith(".outcomes") and event.case_id in script:
            ended = outcome_of(event)
            if ended != script[event.case_id]:
                said = orjson.loads(event.value or b"{}")
                why = f"{ended}, not {script[event.case_id]}: {said.get('agent')} {said.get('failure_reason')}"
                counted[why] = counted.get(why, 0) + 1
    return counted
