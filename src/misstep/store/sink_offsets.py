"""How far the sink has read, kept in Postgres beside the rows.

A batch of rows and the step of its offsets are one transaction, so a crash loses both or neither. Two sinks may believe
for a moment that they own the same partition (one was stopped, its session ran out, it woke up). So a step is taken
only from the offset that the sink started its batch at: the row is locked, compared, and moved on. Whoever comes second
waits for the lock, finds another number than it expected, and its whole transaction is undone: `PlaceMoved`. It then
reads the numbers again and goes on from there. Kafka's own committed offsets play no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from misstep.store.connect import Connection

Place = tuple[str, int]
"""Topic and partition."""


class PlaceMoved(Exception):
    """Another sink has written what this batch begins with; `stored` says where each such partition stands now."""

    def __init__(self, stored: Mapping[Place, int | None]) -> None:
        super().__init__(", ".join(f"{topic}[{partition}]" for topic, partition in stored))
        self.stored = stored


def step(connection: Connection, group: str, steps: Mapping[Place, tuple[int, int]]) -> None:
    """Move each partition from its expected offset to its next one, inside the caller's transaction.

    Raises PlaceMoved when one of them does not stand where it is expected. Rows are locked in one order, so that two
    sinks cannot lock each other out.
    """
    places = sorted(steps)
    topics = [topic for topic, _ in places]
    partitions = [partition for _, partition in places]
    rows = connection.execute(
        """
        SELECT topic, partition, next_offset FROM sink_offsets
        WHERE consumer_group = %s AND (topic, partition) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
        ORDER BY topic, partition FOR UPDATE
        """,
        [group, topics, partitions],
    )
    stored: dict[Place, int] = {(topic, partition): offset for topic, partition, offset in rows}
    moved = {place: stored.get(place) for place in places if stored.get(place) != steps[place][0]}
    if moved:
        raise PlaceMoved(moved)
    connection.execute(
        """
        UPDATE sink_offsets o SET next_offset = s.next_offset, updated_at = clock_timestamp()
        FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS s (topic, partition, next_offset)
        WHERE o.consumer_group = %s AND o.topic = s.topic AND o.partition = s.partition
        """,
        [topics, partitions, [steps[place][1] for place in places], group],
    )


def group_places(connection: Connection, group: str) -> dict[Place, int]:
    """Every number that is stored for a consumer group."""
    rows = connection.execute(
        "SELECT topic, partition, next_offset FROM sink_offsets WHERE consumer_group = %s", [group]
    )
    return {(topic, partition): offset for topic, partition, offset in rows}


def stored_places(connection: Connection, group: str, topics: Mapping[str, str]) -> dict[Place, int]:
    """Where each partition of these topics stands. `topics` has each topic's id: a number that was stored for another
    id belongs to a topic that was deleted since, and says nothing about this one."""
    rows = connection.execute(
        "SELECT topic, partition, topic_id, next_offset FROM sink_offsets "
        "WHERE consumer_group = %s AND topic = ANY(%s)",
        [group, list(topics)],
    )
    return {(topic, number): offset for topic, number, topic_id, offset in rows if topics[topic] == topic_id}


def put_places(
    connection: Connection,
    group: str,
    topics: Mapping[str, str],
    places: Mapping[Place, int],
    expected: Mapping[Place, int],
) -> None:
    """Write where partitions stand that have no number yet (none in `expected`), or one that Kafka no longer has.

    Changes nothing where another sink has meanwhile moved on.
    """
    values: list[tuple[Any, ...]] = [
        (group, topic, partition, topics[topic], offset, expected.get((topic, partition), -1))
        for (topic, partition), offset in sorted(places.items())
    ]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO sink_offsets AS o (consumer_group, topic, partition, topic_id, next_offset)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (consumer_group, topic, partition) DO UPDATE
            SET topic_id = excluded.topic_id, next_offset = excluded.next_offset, updated_at = clock_timestamp()
            WHERE o.topic_id <> excluded.topic_id OR o.next_offset = %s
            """,
            values,
        )
