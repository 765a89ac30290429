"""What a group has answered already, as its own events say.

Committed offsets are what the group's coordinator shows, and it can show too little (RATIONALE.md, "Takeover"). But
whoever consumes a message here writes an event that names it, in the same transaction. So when partitions are taken
over, the newest of these events are read: what they answer is not run again, whatever the offsets say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, TopicPartition

from misstep.agents.subscription import Answers
from misstep.bus.config import reader_config
from misstep.bus.lasting import lasts
from misstep.bus.message import headers_of
from misstep.bus.reading import find_leaders, next_batch
from misstep.bus.takeover import Place, Takeover

log = structlog.get_logger(__name__)

FIRST_BACK, BACK_MAX = 60, 4_000
"""So many records are read at first, from the end of each partition; then four times as many, and so on."""
OVERTAKEN_MAX: Final = 50
"""So many answers to messages before the base may stand behind one to a message after it: several workers write."""
QUIET_MAX: Final = 500
"""After so many records in a row that are other groups' answers it is not looked further: an agent's own topics are
full of what it answered to its first topic, and the inbox beside it has a group of its own."""
OPEN_WITHIN_S: Final = 3.0
"""How long an open transaction of somebody else is waited for, before what stands behind it is left unread."""


def answered_beyond(
    answers: Answers,
    bases: Mapping[Place, int],
    *,
    takeover: Takeover,
    bootstrap: str,
    client_id: str,
    stopping: Callable[[], bool],
) -> dict[Place, Mapping[int, bytes]]:
    """Which messages from each base on have been answered: offset -> the case's id, as the answer says it.

    bases: place -> first offset that is not finished. As a rule there are none, or those that the commit's metadata
    names too, or those whose turns were carried.
    """
    partitions = {partition for _, partition in bases}
    places = [(topic, partition) for topic in answers.topics for partition in partitions]
    first, ends = takeover.beginning(places), takeover.end(places)
    left = {place: ends[place] for place in places if ends.get(place, 0) > first.get(place, 0)}
    found: dict[Place, dict[int, bytes]] = {}
    if not left:
        return {}
    more = {"max.partition.fetch.bytes": 4_194_304, "fetch.wait.max.ms": 10}
    consumer = Consumer(reader_config(bootstrap, f"{client_id}.answers", **more))
    try:
        find_leaders(consumer, answers.topics)
        older = dict.fromkeys(left, 0)
        quiet = dict.fromkeys(left, 0)
        back = FIRST_BACK
        while left and not stopping():
            spans = {place: (max(first[place], end - back), end) for place, end in left.items()}
            for place, said in _read(consumer, spans, stopping).items():
                for headers in reversed(said):
                    quiet[place] += 1
                    for topic, offset in answers.named(headers, place[1]):
                        base = bases.get((topic, place[1]))
                        if base is None:
                            continue
                        quiet[place] = 0
                        if offset >= base:
                            found.setdefault((topic, place[1]), {})[offset] = headers.get("ce_subject") or b""
                        else:
                            older[place] += 1
            left = {
                place: start
                for place, (start, _) in spans.items()
                if start > first[place] and older[place] < OVERTAKEN_MAX and quiet[place] < QUIET_MAX
            }
            back = min(4 * back, BACK_MAX)
    finally:
        # Closing waits for a group coordinator that this consumer never needed; while a broker restarts, for long.
        threading.Thread(target=consumer.close, name="close answers reader", daemon=True).start()
    return dict(found)


def _read(
    consumer: Consumer, spans: Mapping[Place, tuple[int, int]], stopping: Callable[[], bool]
) -> dict[Place, list[Mapping[str, bytes | None]]]:
    """The headers of what stands in each span, from its first offset to before its last, in order.

    Waits as long as Kafka takes; but for what stands behind an open transaction only OPEN_WITHIN_S.
    """
    found: dict[Place, list[Mapping[str, bytes | None]]] = {place: [] for place in spans}
    left = dict(spans)
    reached: set[Place] = set()
    """Read as far as can be read now."""
    since: float | None = None
    consumer.assign([TopicPartition(*place, start) for place, (start, _) in spans.items()])
    while left and not stopping():
        since = (since or time.monotonic()) if reached >= left.keys() else None
        if since is not None and time.monotonic() - since > OPEN_WITHIN_S:
            log.warning("what was answered cannot be read whole: a transaction stands open", topics=sorted(left))
            break
        for message in next_batch(consumer, 1_000, 0.05):
            place, offset, error = (message.topic(), message.partition()), message.offset(), message.error()
            if offset is None or place not in left:
                continue
            _, end = left[place]
            if error is None and offset < end:
                found[place].append(dict(headers_of(message)))
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                reached.add(place)
            elif error is not None and (lasts(error) or error.code() == KafkaError._AUTO_OFFSET_RESET):
                log.warning("what was answered cannot be read", topic=place[0], partition=place[1], error=error.str())
                del left[place]
                continue
            if offset >= (end - 1 if error is None else end):
                del left[place]
    return found
