"""What each node of a cluster is told: its properties, and how others sign on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from misstep.dev.kafka_config import BROKER_SETTINGS
from misstep.dev.ports import HOST

INSIDER = "insider"
"""The user of brokers and observers: a super user. Everybody else is ANONYMOUS and subject to ACLs."""
PASSWORD = "chaos"  # of servers on 127.0.0.1 that live as long as a test


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Where a node listens, and what it tells clients of the first listener instead."""

    clients: int
    advertised: int
    """The port of the proxy in front of `clients`."""
    insiders: int
    controller: int


def insider_client() -> dict[str, str | int | float]:
    """Client settings for the listener of insiders: directly to the brokers, past every proxy and ACL."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": INSIDER,
        "sasl.password": PASSWORD,
    }


def node_properties(
    number: int, ports: Mapping[int, NodePorts], log_dir: Path, more: Mapping[str, str | int] | None = None
) -> str:
    """The properties of node `number`: broker and controller in one, three copies of everything, two of them needed.

    Clients come in without a password (PLAINTEXT, user ANONYMOUS) by way of a proxy; brokers and observers sign on
    with SASL/PLAIN. The authorizer refuses nobody who has no ACL against them.
    """
    own = ports[number]
    copies = min(3, len(ports))
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{INSIDER}" password="{PASSWORD}" user_{INSIDER}="{PASSWORD}";'
    )
    settings: dict[str, object] = {
        **BROKER_SETTINGS,
        "process.roles": "broker,controller",
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{node}@{HOST}:{ports[node].controller}" for node in ports),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INSIDERS",
        "listeners": f"CLIENTS://{HOST}:{own.clients},INSIDERS://{HOST}:{own.insiders},"
        f"CONTROLLER://{HOST}:{own.controller}",
        "advertised.listeners": f"CLIENTS://{HOST}:{own.advertised},INSIDERS://{HOST}:{own.insiders}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,INSIDERS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.insiders.plain.sasl.jaas.config": login,
        "listener.name.controller.plain.sasl.jaas.config": login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{INSIDER}",
        "allow.everyone.if.no.acl.found": "true",
        "log.dirs": str(log_dir),
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        # Sparse files of 10 MB for each index of each partition by default: a small disk would seem full.
        "log.index.size.max.bytes": 1_048_576,
        "num.io.threads": 4,
        "num.network.threads": 2,
        **(more or {}),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
