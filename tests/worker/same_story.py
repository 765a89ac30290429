"""A case as the worker wrote it and as a rehearsal tells it, side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from misstep.testing import Event, Story
from tests.worker.oracle import Seen


@dataclass(frozen=True, slots=True)
class Said:
    """What one state version says that must not depend on who ran the turn."""

    agent: str
    version: int
    reason: str
    route: str
    attempts: int
    tries: tuple[tuple[str, int], ...]
    """The attempts before, with the waits in ms."""
    degraded: str | None
    detail: str
    handoffs_left: str
    value: bytes | None


def of_worker(seen: Seen) -> Said:
    """What a state version in Kafka says."""
    return _said(seen.headers, seen.value)


def of_rehearsal(event: Event) -> Said:
    """What a rehearsed one says."""
    return _said(event.headers, event.value)


def _said(headers: Mapping[str, bytes], value: bytes | None) -> Said:
    def text(name: str) -> str:
        return headers.get(name, b"").decode()

    return Said(
        text("ce_agent"),
        int(text("ce_stateversion")),
        text("ce_failurereason"),
        text("ce_route"),
        int(text("ce_attempts")),
        tuple((reason, waited) for reason, waited in orjson.loads(headers["ce_tries"])),
        text("ce_degraded") or None,
        text("ce_failuredetail"),
        text("ce_handoffs"),
        value,
    )


def by_case(by_topic: Mapping[str, Iterable[Seen]], *, leaving_out: Iterable[str]) -> dict[str, list[Seen]]:
    """The state versions of each case in order, outcome included, without those of the topics left out."""
    found: dict[str, list[Seen]] = {}
    for topic in by_topic.keys() - set(leaving_out):
        for seen in by_topic[topic]:
            found.setdefault(seen.text("ce_subject"), []).append(seen)
    return {case_id: sorted(log, key=lambda seen: int(seen.text("ce_stateversion"))) for case_id, log in found.items()}


def assert_same_story(story: Story, turns: list[Seen], what: Any = "") -> None:
    """The worker's state versions (outcome included) are the story's: same path, reasons, routes, waits and bytes."""
    assert [of_worker(seen) for seen in turns] == [of_rehearsal(event) for event in story.events[1:]], what
