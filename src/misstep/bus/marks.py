"""Writing into the control topic, together with the record of who did it and why."""

from __future__ import annotations

from misstep.bus.ops import ops_record, write_ops
from misstep.bus.table import Table
from misstep.bus.topics import control_topic
from misstep.contracts.control import (
    Mark,
    Pause,
    StandIn,
    agent_of_pause,
    mark_key,
    pause_key,
    read_pause,
    stand_in_key,
    written,
)
from misstep.contracts.event import Record

PARTITION = 0
"""The control topic has one partition, so that marks have one order."""


def mark_case(bootstrap: str, namespace: str, workflow: str, case_id: str, epoch: int, mark: Mark) -> None:
    """Say that a case shall not go on. ServerUnreachable when Kafka does not take it."""
    said = ops_record(
        namespace, case_id, mark.action, actor=mark.actor, reason=mark.reason, workflow=workflow, epoch=epoch
    )
    write_ops(bootstrap, [mark_record(namespace, workflow, case_id, epoch, mark), said])


def mark_record(namespace: str, workflow: str, case_id: str, epoch: int, mark: Mark | None) -> Record:
    """An operator's mark; without one, what takes it away."""
    value = written(mark) if mark is not None else None
    return Record(control_topic(namespace), PARTITION, mark_key(workflow, case_id, epoch), value, [])


def stand_in_record(namespace: str, workflow: str, case_id: str, epoch: int, stand_in: StandIn | None) -> Record:
    """The watchdog's stand-in; without one, what takes it away."""
    value = written(stand_in) if stand_in is not None else None
    return Record(control_topic(namespace), PARTITION, stand_in_key(workflow, case_id, epoch), value, [])


def pause_agent(bootstrap: str, namespace: str, workflow: str, agent: str, pause: Pause) -> None:
    """Let an agent stand still on every worker. ServerUnreachable when Kafka does not take it."""
    said = ops_record(namespace, f"{workflow}/{agent}", "pause", actor=pause.actor, reason=pause.reason)
    record = Record(control_topic(namespace), PARTITION, pause_key(workflow, agent), written(pause), [])
    write_ops(bootstrap, [record, said])


def resume_agent(bootstrap: str, namespace: str, workflow: str, agent: str, *, actor: str, reason: str) -> None:
    """Let a paused agent go on. ServerUnreachable when Kafka does not take it."""
    said = ops_record(namespace, f"{workflow}/{agent}", "resume", actor=actor, reason=reason)
    record = Record(control_topic(namespace), PARTITION, pause_key(workflow, agent), None, [])
    write_ops(bootstrap, [record, said])


def read_pauses(bootstrap: str, namespace: str) -> dict[tuple[str, str], Pause]:
    """Every pause that stands, by workflow and agent. KafkaException when the topic cannot be read."""
    table = Table(bootstrap, control_topic(namespace), f"{namespace}.pauses")
    try:
        table.refresh()
        found = {}
        for key, value in table.rows.items():
            agent, pause = agent_of_pause(key), read_pause(value)
            if agent is not None and pause is not None:
                found[agent] = pause
        return found
    finally:
        table.close()
