"""The bare confluent-kafka loop, with the same models: `hop.py BOOTSTRAP SOURCE TARGET GROUP transactional|plain`.

Transactional: consume, produce, send offsets, commit, up to 1,000 messages at a time, as librdkafka's own example of
exactly-once does. Plain: produce, flush, then commit the offsets: at least once.
"""

import sys

from confluent_kafka import Consumer, Producer
from loan import checked_json

BATCH = 1_000

bootstrap, source, target, group, kind = sys.argv[1:]
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,
        "queued.min.messages": 20_000,
        "fetch.queue.backoff.ms": 2,
    }
)
settings = {"bootstrap.servers": bootstrap, "linger.ms": 0, "retry.backoff.ms": 2, "retry.backoff.max.ms": 20}
if kind == "transactional":
    settings |= {"transactional.id": group, "transaction.timeout.ms": 10_000}
producer = Producer({**settings, "queue.buffering.max.messages": 500_000})
if kind == "transactional":
    producer.init_transactions(30)
consumer.subscribe([source])
while True:
    first = consumer.poll(0.1)
    if first is None:
        continue
    batch = [message for message in (first, *consumer.consume(BATCH - 1, 0)) if message.error() is None]
    if kind == "transactional":
        producer.begin_transaction()
    for message in batch:
        producer.produce(target, checked_json(message.value()), message.key())
    if kind == "transactional":
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
    else:
        producer.flush()
        consumer.commit(asynchronous=False)
