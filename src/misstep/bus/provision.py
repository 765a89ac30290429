"""Topics are made by `apply`, never by accident: what is missing, what differs, and making it so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from misstep.bus.client_log import client_logger
from misstep.bus.config import MESSAGE_MAX_BYTES, publisher_config
from misstep.bus.connection import connection
from misstep.bus.topics import Topics, alerts_topic, contracts_topic, control_topic, ops_topic
from misstep.contracts import SchemaRecord
from misstep.errors import ServerUnreachable, UsageError

TIMEOUT_S = 15.0
WRITTEN_WITHIN_S = 30.0
"""Topics that were made a moment ago may take their time to get a leader."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be."""

    name: str
    partitions: int
    compacted: bool = False
    retention_ms: int | None = None
    """How long it keeps things; -1: for ever; None: as the broker says."""

    @property
    def config(self) -> dict[str, str]:
        config = {"max.message.bytes": str(MESSAGE_MAX_BYTES)}
        if self.compacted:
            config["cleanup.policy"] = "compact"
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.name.endswith(".parked"):  # what is no longer waited for shall not be read again at every takeover
            config |= {"segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
        return config


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that `apply` does, or would do."""

    what: str
    name: str
    detail: str = ""


def shared_topics(namespace: str) -> list[TopicSpec]:
    """The topics of a namespace that belong to no workflow."""
    return [
        TopicSpec(contracts_topic(namespace), 1, compacted=True),
        TopicSpec(control_topic(namespace), 1, compacted=True),
        TopicSpec(ops_topic(namespace), 1, retention_ms=-1),  # whether something was sent once is looked up there
        TopicSpec(alerts_topic(namespace), 1),
    ]


def workflow_topics(topics: Topics, agents: Sequence[str], joins: Sequence[str], partitions: int) -> list[TopicSpec]:
    """The topics of a workflow, all with the same number of partitions."""
    parked = {topics.parked(name) for name in joins}
    return [TopicSpec(name, partitions, compacted=name in parked) for name in topics.all(agents, joins)]


def connect(bootstrap: str, timeout_s: float = TIMEOUT_S) -> AdminClient:
    """An admin client to a cluster that answers. Raises ServerUnreachable."""
    admin = AdminClient({**connection(bootstrap), "client.id": "misstep-admin", "log_level": 0})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException:
        raise ServerUnreachable(
            f"Kafka does not answer at {bootstrap}; start it (`misstep up`), or point MISSTEP_KAFKA at your cluster "
            "(and MISSTEP_KAFKA_CONFIG at a file that says how to sign on, if it asks)."
        ) from None
    return admin


def plan_topics(admin: AdminClient, wanted: Sequence[TopicSpec]) -> list[Change]:
    """What would have to change. Raises UsageError when a topic has another number of partitions."""
    there = admin.list_topics(timeout=TIMEOUT_S).topics
    changes = []
    for spec in wanted:
        found = there.get(spec.name)
        if found is None:
            changes.append(Change("create topic", spec.name, f"{spec.partitions} partitions"))
        elif len(found.partitions) != spec.partitions:
            raise UsageError(
                f"Topic {spec.name} has {len(found.partitions)} partitions, not {spec.partitions}: all topics of a "
                f"workflow have the same number, so set MISSTEP_PARTITIONS={len(found.partitions)}, or delete the "
                "topic and apply again."
            )
    existing = [spec for spec in wanted if spec.name in there]
    changes += [
        Change("set topic config", spec.name, f"{name}={value}")
        for spec, name, value in _config_differences(admin, existing)
    ]
    return changes


def apply_topics(admin: AdminClient, wanted: Sequence[TopicSpec], replication: int) -> list[Change]:
    """Make the topics as they should be; returns what was done. Idempotent."""
    changes = plan_topics(admin, wanted)
    missing = {change.name for change in changes if change.what == "create topic"}
    new = [
        NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=replication, config=spec.config)
        for spec in wanted
        if spec.name in missing
    ]
    if new:
        for name, future in admin.create_topics(new, operation_timeout=TIMEOUT_S).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another apply was faster
                    raise UsageError(f"Topic {name} cannot be made: {error.args[0].str()}.") from None
    differing = _config_differences(admin, [spec for spec in wanted if spec.name not in missing])
    for spec, name, value in differing:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, spec.name, incremental_configs=[entry])
        for future in admin.incremental_alter_configs([resource]).values():
            future.result()
    return changes


def _config_differences(admin: AdminClient, specs: Iterable[TopicSpec]) -> list[tuple[TopicSpec, str, str]]:
    by_name = {spec.name: spec for spec in specs}
    if not by_name:
        return []
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in by_name]
    differences = []
    for resource, future in admin.describe_configs(resources, request_timeout=TIMEOUT_S).items():
        have = future.result()
        spec = by_name[resource.name]
        differences += [
            (spec, name, value) for name, value in spec.config.items() if name in have and have[name].value != value
        ]
    return differences


def publish_schemas(bootstrap: str, namespace: str, records: Iterable[SchemaRecord]) -> None:
    """Write schemas into `{ns}.contracts`."""
    producer = Producer(publisher_config(bootstrap), logger=client_logger("contracts"))
    failed: list[str] = []
    for record in records:
        producer.produce(
            contracts_topic(namespace),
            record.to_bytes(),
            record.sha256.encode(),
            on_delivery=lambda error, _: failed.append(error.str()) if error else None,
        )
    if producer.flush(WRITTEN_WITHIN_S) or failed:
        raise ServerUnreachable(f"The contracts could not be written to Kafka: {failed[0] if failed else 'no answer'}.")
