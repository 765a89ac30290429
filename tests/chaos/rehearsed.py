"""A recording without servers: rehearsed cases, as if they had been read from Kafka and the audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from misstep.bus.topics import Topics
from misstep.contracts import Contract
from misstep.saga.choreography import Choreography
from misstep.saga.compile import compile_plan
from misstep.testing import Story, rehearse
from misstep.testing.chaos import Effect, Event, Place, Recording, Row, Workflow
from tests.joins.survey import Ask, survey
from tests.undo.trip import Wish, journal, trip

NAMESPACE = "rehearsal"
WAYS: list[tuple[Choreography, Contract]] = [
    (trip, Wish(number=1)),
    (trip, Wish(number=2, script={"pay": ["lost answer"]})),
    (trip, Wish(number=3, script={"pay": ["refused"], "undo hold_room": ["raises"]})),
    (survey, Ask(number=4)),
    (survey, Ask(number=5, script={"close_file": ["compliance_fail"]})),
]


def rehearsed(journal_file: Path) -> Recording:
    """Cases of both workflows, each in a partition of its own; `case-2` is compensated, `case-3` partly."""
    workflows = {score.name: _workflow(score) for score in (trip, survey)}
    recording = Recording(list(workflows.values()))
    for score, case in WAYS:
        partition = orjson.loads(case.model_dump_json())["number"]
        case_id = f"case-{partition}"
        story = rehearse(score, case, case_id=case_id)
        recording.acknowledged[case_id] = score.name
        events = _events(story, partition)
        events += [
            Event(Place(record.topic, partition, offset), record.key, record.value, _present(record.headers))
            for offset, record in enumerate(story.dead_letters)
        ]
        recording.final += events
    workflow_of = recording.acknowledged
    recording.live = list(recording.final)
    recording.rows = [row_of(event) for event in recording.final if not event.place.topic.endswith(".dlq")]
    recording.letters = [event.place for event in recording.final if event.place.topic.endswith(".dlq")]
    recording.effects = [
        Effect(line["key"], line["what"], workflow_of[line["case"]], line["step"], line["case"])  # type: ignore[arg-type]
        for line in journal(journal_file)
    ]
    return recording


def row_of(event: Event) -> Row:
    """The row that the audit has of an event."""
    case, epoch, version, agent = event.identity
    words = event.text("ce_failurereason"), event.text("ce_prevhash"), event.text("ce_hash")
    return Row(event.place, case, epoch, version, agent, *words)


def _workflow(score: Choreography) -> Workflow:
    plan = compile_plan(score)
    with_effect = frozenset(name for name, agent in plan.agents.items() if agent.agent.effect)
    undone = frozenset(name for name, agent in plan.agents.items() if agent.undo is not None)
    return Workflow(Topics(NAMESPACE, score.name), tuple(plan.agents), with_effect, undone)


def _events(story: Story, partition: int) -> list[Event]:
    offsets: dict[str, int] = {}
    found = []
    for event in story.events:
        offset = offsets.setdefault(event.topic, 0)
        offsets[event.topic] += 1
        headers = dict(event.headers)
        steps = orjson.loads(headers.get("ce_history", b"[]"))
        headers["ce_history"] = orjson.dumps([[name, version, partition, *rest] for name, version, _, *rest in steps])
        key = story.case_id.encode()
        found.append(Event(Place(event.topic, partition, offset), key, event.value, headers))
    return found


def _present(headers: object) -> dict[str, bytes]:
    return {name: value for name, value in headers if value is not None}  # type: ignore[attr-defined]


def changed(event: Event, **headers: bytes) -> Event:
    """The same event with other headers."""
    return replace(event, headers={**event.headers, **headers})
