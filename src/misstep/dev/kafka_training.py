"""One training run of the broker for each user: every later one starts sooner and is fast from its first second."""

import shutil
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from misstep.dev.cancel import StartCancelledError, check_cancelled
from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.kafka_aot import cache_file, can_be_trained, flags_to_train, install
from misstep.dev.kafka_jars import class_path
from misstep.dev.lock import exclusive
from misstep.dev.progress import Reporter
from misstep.errors import MisstepError

# Long enough for the compiler to have seen the busy paths. Transactions in a broker's second / fifth second of work, by
# seconds of training: none 50 / 126, 1 s 74 / 181, 3 s 153 / 220, 10 s 146 / 307 (2 cores, not idle).
WORK_S = 5.0
# Writing the cache takes 4 s on an idle machine.
STOP_GRACE_S = 60.0

_TOPIC, _PARTITIONS, _BATCH = "training", 2, 10


def train_once(*, reporter: Reporter, cancel: threading.Event | None = None) -> None:
    """See that there is a cache for this user's jars and JRE: some twelve seconds the first time, then nothing.

    A cache only saves time, so one that cannot be made is gone without: said, not raised. Raises
    StartCancelledError, and what `class_path` raises.
    """
    if not can_be_trained():
        return
    cache = cache_file(class_path(reporter=reporter, cancel=cancel))
    if cache.exists():
        return
    try:
        with exclusive(
            cache.parent / "training.lock",
            on_wait=lambda: reporter.say("Waiting for another process that prepares Kafka"),
            cancel=cancel,
        ):
            # Looked at again: whoever held the lock before may have made it.
            if not cache.exists():
                reporter.say("Preparing Kafka to start faster from now on (about 12 s, once)")
                _train(cache, cancel)
    except StartCancelledError:
        raise
    except (OSError, KafkaException, MisstepError) as error:
        reporter.say(f"Kafka works, but was not prepared to start faster: {error}")


def _train(cache: Path, cancel: threading.Event | None) -> None:
    room = cache.parent / "training"
    draft = cache.parent / "training.aot"
    kafka = EmbeddedKafka(room, extra_flags=flags_to_train(draft))
    # A training that was killed may have left its broker.
    kafka.kill()
    shutil.rmtree(room, ignore_errors=True)
    draft.unlink(missing_ok=True)
    try:
        kafka.start(cancel=cancel)
        assert kafka.bootstrap_servers is not None
        _work(kafka.bootstrap_servers, cancel)
        kafka.stop(STOP_GRACE_S)
        if draft.exists():
            install(draft, cache)
    finally:
        kafka.kill()
        shutil.rmtree(room, ignore_errors=True)
        draft.unlink(missing_ok=True)


def _work(bootstrap_servers: str, cancel: threading.Event | None) -> None:
    """What our workers ask of a broker: read, produce in a transaction, send the offsets, commit."""
    address: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers, "log_level": 0}
    admin = AdminClient(address)
    admin.create_topics([NewTopic(_TOPIC, num_partitions=_PARTITIONS)])[_TOPIC].result(timeout=30)
    producer = Producer({**address, "transactional.id": _TOPIC, "retry.backoff.ms": 2, "retry.backoff.max.ms": 20})
    producer.init_transactions(30)
    consumer = Consumer(
        {**address, "group.id": _TOPIC, "isolation.level": "read_committed", "enable.auto.commit": False}
    )
    try:
        consumer.assign([TopicPartition(_TOPIC, partition, 0) for partition in range(_PARTITIONS)])
        headers: list[tuple[str, str | bytes | None]] = [(f"header-{number}", b"x" * 20) for number in range(12)]
        until = time.monotonic() + WORK_S
        while time.monotonic() < until:
            check_cancelled(cancel)
            producer.begin_transaction()
            for number in range(_BATCH):
                producer.produce(_TOPIC, b"x" * 450, key=str(number), headers=headers)
            consumer.consume(_BATCH, 0)
            read = [position for position in consumer.position(consumer.assignment()) if position.offset > 0]
            if read:
                producer.send_offsets_to_transaction(read, consumer.consumer_group_metadata(), 30)
            producer.commit_transaction(30)
    finally:
        consumer.close()
