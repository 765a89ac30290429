"""Client settings, each measured for what it does to transactions, takeover and latency (see RATIONALE.md)."""

from __future__ import annotations

from misstep.bus.connection import Config, connection

MESSAGE_MAX_BYTES = 2_097_152
SESSION_TIMEOUT_MS = 6_000
TRANSACTION_TIMEOUT_MS = 10_000
QUEUES_KBYTES = 65_536
"""What a worker reads ahead under load, all its consumers together; beyond it cases wait in Kafka."""
FETCH_MAX_BYTES = 4 * MESSAGE_MAX_BYTES
"""One answer may go beyond the queue's limit by this; 52 MB by default, for each consumer."""


def producer_config(bootstrap: str, transactional_id: str, **more: object) -> Config:
    """A worker's transactional producer."""
    return {
        **connection(bootstrap),
        "client.id": transactional_id,
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 0,
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 20,
        "message.max.bytes": MESSAGE_MAX_BYTES,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 65_536,
        "partitioner": "murmur2_random",
        **more,
    }


def consumer_config(
    bootstrap: str, group: str, client_id: str, instance_id: str, *, consumers: int = 1, **more: object
) -> Config:
    """One agent's consumer. Librdkafka never chooses a start offset: `auto.offset.reset=error`.

    consumers: of the same worker, which share what may be read ahead.
    """
    queue_kbytes = max(QUEUES_KBYTES // consumers, 2 * MESSAGE_MAX_BYTES // 1024)
    return {
        **connection(bootstrap),
        "client.id": client_id,
        "group.id": group,
        "group.protocol": "classic",
        "group.instance.id": instance_id,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": 1_000,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "allow.auto.create.topics": False,
        "fetch.queue.backoff.ms": 2,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": queue_kbytes,
        "fetch.max.bytes": FETCH_MAX_BYTES,
        "fetch.message.max.bytes": MESSAGE_MAX_BYTES,
        **more,
    }


def reader_config(bootstrap: str, client_id: str, **more: object) -> Config:
    """A consumer without membership, for random reads by partition and offset and for whole small topics."""
    return {
        **connection(bootstrap),
        "client.id": client_id,
        "log_level": 0,  # what it has to say of the brokers, the process's other clients say too
        "group.id": f"{client_id}.unused",  # the library wants one; nothing is ever committed under it
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 5,
        "max.partition.fetch.bytes": 65_536,
        "fetch.queue.backoff.ms": 2,
        **more,
    }


def publisher_config(bootstrap: str, **more: object) -> Config:
    """A producer of cases: idempotent, not transactional."""
    return {
        **connection(bootstrap),
        "client.id": "misstep-publish",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "partitioner": "murmur2_random",
        "message.max.bytes": MESSAGE_MAX_BYTES,
        **more,
    }
