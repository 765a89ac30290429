"""A Kafka cluster of one's own: three JVMs, broker and controller each, behind proxies that can be told to fail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from confluent_kafka.admin import AdminClient

from misstep.dev.atomic_file import write_atomically
from misstep.dev.java import TOOL_FLAGS, java_command, java_environment
from misstep.dev.kafka_config import log4j2_properties
from misstep.dev.kafka_format import new_cluster_id
from misstep.dev.kafka_jars import class_path
from misstep.dev.log_tail import telling_line
from misstep.dev.ports import HOST, free_port
from misstep.errors import MisstepError
from misstep.testing.chaos.node import Node
from misstep.testing.chaos.node_config import NodePorts, insider_client, node_properties
from misstep.testing.chaos.proxy import Proxy
from misstep.testing.chaos.quorum import active_controller

ADMIN_TIMEOUT_S = 10.0


class Cluster:
    """`size` nodes under `directory`. Clients go through the proxies; `insider` goes past them.

    data_dirs: directories, by node, that shall hold that node's data (a small disk, for example). settings: of every
    broker, over ours.
    """

    def __init__(
        self,
        directory: Path,
        *,
        size: int = 3,
        data_dirs: Mapping[int, Path] | None = None,
        settings: Mapping[str, str | int] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.directory = directory
        self._say = say
        self._data_dirs = dict(data_dirs or {})
        self._settings = dict(settings or {})
        self.proxy = Proxy()
        taken: set[int] = set()

        def port() -> int:
            while (found := free_port()) in taken:
                pass
            taken.add(found)
            return found

        self.ports = {number: NodePorts(port(), port(), port(), port()) for number in range(1, size + 1)}
        self.nodes: dict[int, Node] = {}

    @property
    def bootstrap(self) -> str:
        """For clients: the proxies."""
        return ",".join(f"{HOST}:{ports.advertised}" for ports in self.ports.values())

    @property
    def insider(self) -> dict[str, str | int | float]:
        """Client settings of an observer, who reaches the brokers whatever the proxies and the ACLs say."""
        return {
            "bootstrap.servers": ",".join(f"{HOST}:{ports.insiders}" for ports in self.ports.values()),
            **insider_client(),
        }

    def start(self) -> None:
        """Lay the nodes out, start them, and return when all of them serve. Raises MisstepError."""
        jars = class_path()
        cluster_id = new_cluster_id()
        for number, ports in self.ports.items():
            directory = self.directory / f"node-{number}"
            directory.mkdir(parents=True)
            node = self.nodes[number] = Node(number, directory, ports.clients, jars)
            data = self._data_dirs.get(number, directory) / "data"
            write_atomically(node.log_settings, log4j2_properties())
            write_atomically(node.properties, node_properties(number, self.ports, data, self._settings))
        formats = [self._format(node, jars, cluster_id) for node in self.nodes.values()]
        for node, format_ in zip(self.nodes.values(), formats, strict=True):
            if format_.wait() != 0:
                raise MisstepError(f"Node {node.number} could not be laid out: {telling_line(node.log)}")
        for number, ports in self.ports.items():
            self.proxy.listen(number, ports.advertised, ports.clients)
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.await_ready()
        self.await_whole()

    def close(self) -> None:
        """Kill the nodes and close the proxies; files stay."""
        for node in self.nodes.values():
            node.thaw()
            node.kill()
        self.proxy.close()

    def admin(self) -> AdminClient:
        """An admin client of an insider."""
        return AdminClient({"log_level": 0} | self.insider)

    def await_whole(self, timeout_s: float = 90.0) -> None:
        """Wait until every node is a broker and no partition lacks a copy. MisstepError when that takes longer."""
        until = time.monotonic() + timeout_s
        lacking = ""
        while time.monotonic() < until:
            try:
                metadata = self.admin().list_topics(timeout=ADMIN_TIMEOUT_S)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is not whole yet
                lacking = str(error)
            else:
                short = [
                    f"{topic.topic}[{part.id}]"
                    for topic in metadata.topics.values()
                    for part in topic.partitions.values()
                    if len(part.isrs) < len(part.replicas) or part.leader < 0
                ]
                if not short and len(metadata.brokers) == len(self.nodes):
                    return
                lacking = f"{len(metadata.brokers)} brokers, {len(short)} partitions lack copies: {short[:3]}"
            time.sleep(0.3)
        raise MisstepError(f"The cluster is not whole after {timeout_s:.0f} s: {lacking}.")

    def controller(self) -> Node:
        """The node that is the active controller. MisstepError when no node says."""
        for ports in self.ports.values():
            found = active_controller(ports.clients)
            if found in self.nodes:
                return self.nodes[found]
        raise MisstepError("No node says who the active controller is.")

    def leader(self, topic: str, partition: int) -> Node:
        """The node that leads a partition."""
        metadata = self.admin().list_topics(topic, timeout=ADMIN_TIMEOUT_S)
        return self.nodes[metadata.topics[topic].partitions[partition].leader]

    def transaction_coordinator(self, transactional_id: str) -> Node:
        """The node that coordinates the transactions of this id."""
        partitions = self.admin().list_topics("__transaction_state", timeout=ADMIN_TIMEOUT_S)
        return self.leader(
            "__transaction_state",
            java_hash(transactional_id) % len(partitions.topics["__transaction_state"].partitions),
        )

    def _format(self, node: Node, jars: list[Path], cluster_id: str) -> subprocess.Popen[bytes]:
        arguments = ("format", "--cluster-id", cluster_id, "--config", str(node.properties))
        with node.log.open("ab") as output:
            return subprocess.Popen(
                java_command(
                    "kafka.tools.StorageTool",
                    *arguments,
                    class_path=jars,
                    flags=TOOL_FLAGS,
                    log_settings=node.log_settings,
                ),
                cwd=node.directory,
                env=java_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def java_hash(text: str) -> int:
    """What Kafka chooses a coordinator's partition by: `String.hashCode`, its sign taken off."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF
