"""The little that these tests ask of a Kafka client."""

import uuid

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


def write(bootstrap_servers: str, topic: str, value: bytes) -> None:
    """Make a topic with one message; returns when the broker has acknowledged it."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(timeout=20)
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap_servers, "allow.auto.create.topics": False})
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(20) == 0
    assert not failures


def read(bootstrap_servers: str, topic: str) -> bytes | None:
    """The first message of the topic's only partition, waited for up to 20 s."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": uuid.uuid4().hex})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(20)
        return message.value() if message is not None and message.error() is None else None
    finally:
        consumer.close()


def advertised(bootstrap_servers: str) -> list[str]:
    """Where the cluster tells its clients to go."""
    brokers = AdminClient({"bootstrap.servers": bootstrap_servers}).list_topics(timeout=20).brokers
    return [f"{broker.host}:{broker.port}" for broker in brokers.values()]
