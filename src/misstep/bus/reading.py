"""Reading a stretch of topics without group membership, at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, KafkaException, Message

ANSWER_S = 10.0


def find_leaders(consumer: Consumer, topics: Iterable[str]) -> None:
    """Ask for topics by name: their leaders are known at once. Left to `assign`, up to a second later (measured); so it
    is, too, when nobody answers now."""
    for topic in topics:
        try:
            consumer.list_topics(topic, ANSWER_S)
        except KafkaException:
            return


def next_batch(consumer: Consumer, messages_max: int, wait_s: float) -> Sequence[Message]:
    """What is there, as soon as something is: `consume(n, t)` waits for all n, in steps of 200 ms."""
    first = consumer.poll(wait_s)
    return [] if first is None else [first, *consumer.consume(messages_max - 1, 0)]
