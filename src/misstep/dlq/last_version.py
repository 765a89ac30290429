"""The version that a life of a case ended with, read so that a new life can follow it."""

from __future__ import annotations

from misstep.agents.bring_back import Stopped, stopped_at
from misstep.agents.earlier import Recall
from misstep.bus.topics import Topics
from misstep.contracts.event import MalformedEvent
from misstep.store.connect import Connection
from misstep.store.standing import LastVersion, history_in_audit
from misstep.store.stored_case_id import stored_case_id


def read_stopped(
    connection: Connection, topics: Topics, recall: Recall, case_id: str, epoch: int, last: LastVersion
) -> Stopped:
    """The version that a case ended with: from Kafka, or from the audit when Kafka no longer has it.

    LookupError when neither has it whole, MalformedEvent when the event is not what the audit says.
    """
    try:
        _, headers = recall(last.topic, last.partition, last.offset)
    except LookupError:
        history, traceparent = history_in_audit(connection, topics, stored_case_id(case_id), epoch, last)
        return Stopped(
            case_id=case_id,
            epoch=epoch,
            version=last.version,
            step=last.agent,
            partition=last.partition,
            offset=last.offset,
            reason=last.reason,
            hash=last.hash.encode(),
            history=history,
            traceparent=traceparent,
        )
    if headers.get("ce_hash", b"").decode("ascii", "replace") != last.hash:
        raise MalformedEvent(f"the event at {last.topic} [{last.partition}] @ {last.offset} is not what the audit says")
    return stopped_at(topics, last.topic, last.partition, last.offset, headers)
