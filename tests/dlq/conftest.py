"""A small project on the real servers: its agents and its audit run, letters are made, commands are called."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from misstep.bus.config import reader_config
from misstep.bus.message import headers_of
from misstep.bus.topics import Topics, ops_topic
from tests.cli.conftest import Cli, Result, at
from tests.conftest import Servers
from tests.worker.oracle import Seen

PROJECT = Path(__file__).parent / "parcels"
WITHIN_S = 60.0


@dataclass
class Shop:
    """The project in a namespace of its own."""

    servers: Servers
    cli: Cli
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.cli.namespace

    workflow: str = "parcels"

    @property
    def topics(self) -> Topics:
        return Topics(self.namespace, self.workflow)

    def __call__(self, *arguments: str, **variables: str) -> Result:
        return self.cli(*arguments, **variables)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command says to a program; fails the test when it ends otherwise than with `code`."""
        done = self.cli(*arguments, "--json")
        assert done.code == code, done.out + done.err
        return done.json

    def refused(self, *arguments: str, code: int = 1) -> str:
        """The one sentence that a command ends with."""
        done = self.cli(*arguments)
        assert done.code == code, done.out + done.err
        return done.sentence

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `misstep run`, and wait until its agents have their partitions."""
        run = self.cli.start("run", "--level", "info", "--json", *arguments, stderr=subprocess.DEVNULL)
        self.runs.append(run)
        return run

    def stop(self, run: subprocess.Popen[str]) -> None:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
        self.runs.remove(run)

    def publish(self, **cases: Any) -> None:
        """Publish cases by id: a payload, or bytes as they are."""
        producer = Producer({"bootstrap.servers": self.servers.kafka})
        for case_id, payload in cases.items():
            value = payload if isinstance(payload, bytes) else orjson.dumps(payload)
            producer.produce(self.topics.cases, value, case_id.encode())
        assert producer.flush(20) == 0

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.servers.postgres, autocommit=True) as connection:
            return connection.execute(query, given).fetchall()  # type: ignore[arg-type]

    def outcome(self, case_id: str, epoch: int = 0) -> str | None:
        """How that life of a case ended; None when the audit does not know it."""
        rows = self.rows(
            "SELECT outcome FROM cases WHERE namespace = %s AND case_id = %s AND epoch = %s",
            self.namespace, case_id, epoch,
        )  # fmt: skip
        return rows[0][0] if rows else None

    def ends(self, outcome: str, *case_ids: str, epoch: int = 0) -> None:
        """Wait until cases have ended so."""
        for case_id in case_ids:
            until(lambda case_id=case_id: self.outcome(case_id, epoch) is not None, f"{case_id} has not ended")
            assert self.outcome(case_id, epoch) == outcome

    def letter(self, case_id: str, epoch: int = 0) -> int:
        """The number of a case's letter; waits for it."""
        query = "SELECT id FROM dead_letters WHERE namespace = %s AND case_id = %s AND epoch = %s"
        until(lambda: bool(self.rows(query, self.namespace, case_id, epoch)), f"{case_id} left no letter")
        return int(self.rows(query, self.namespace, case_id, epoch)[0][0])

    def letters(self, *case_ids: str) -> list[str]:
        """The numbers of the cases' letters, once the cases have ended."""
        self.ends("dead_lettered", *case_ids)
        return [str(self.letter(case_id)) for case_id in case_ids]

    def plan(self, *arguments: str) -> str:
        """Make a plan and return its name."""
        return str(self.json("redrive", "plan", *arguments)["id"])

    def replay(self, plan: str, *arguments: str, code: int = 0) -> Any:
        return self.json("redrive", "replay", plan, *by("ann"), *arguments, code=code)

    def inbox(self, agent: str, *case_ids: str) -> list[Seen]:
        """The operator's events in an agent's inbox, of these cases."""
        seen = read_quickly(self.servers.kafka, self.topics.inbox(agent))
        return [one for one in seen if not case_ids or one.text("ce_subject") in case_ids]

    def ops(self, action: str) -> list[dict[str, Any]]:
        """What stands in the record of operators' actions."""
        seen = read_quickly(self.servers.kafka, ops_topic(self.namespace))
        said = [json.loads(one.value or b"{}") for one in seen]
        return [one for one in said if one["action"] == action]


def read_quickly(bootstrap: str, topic: str) -> list[Seen]:
    """What a read_committed reader sees in a topic, up to its present end."""
    consumer = Consumer(reader_config(bootstrap, "dlq-tests", **{"auto.offset.reset": "earliest"}))
    left = set(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in left])
    found = []
    while left:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error() is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            left.discard(message.partition())
            continue
        headers = {name: value for name, value in headers_of(message) if value is not None}
        at = (message.topic(), message.partition(), message.offset())
        found.append(Seen(*at, message.key(), message.value(), headers, message.timestamp()[1]))
    consumer.close()
    return found


def by(name: str, reason: str = "the test says so") -> tuple[str, str, str, str]:
    return "--actor", name, "--reason", reason


def until(met: Callable[[], bool], otherwise: str, within_s: float = WITHIN_S) -> None:
    end = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < end, f"{otherwise} within {within_s:g} s"
        time.sleep(0.1)


def unique(*names: str) -> list[str]:
    """Ids that no other test has."""
    tail = uuid.uuid4().hex[:8]
    return [f"{name}-{tail}" for name in names]


def new_shop(servers: Servers, directory: Path) -> Shop:
    """The project, applied; nothing runs."""
    root = directory / "parcels"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("__pycache__"))
    cli = at(servers, root, directory / "data", MISSTEP_BUILD="tests")
    done = cli("apply", "--json")
    assert done.code == 0, done.out + done.err
    return Shop(servers, cli)


@pytest.fixture(scope="session")
def shop(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The project with its agents and its audit running."""
    made = new_shop(servers, tmp_path_factory.mktemp("shop"))
    made.start()
    yield made
    for run in list(made.runs):
        made.stop(run)


@pytest.fixture
def changed(shop: Shop, tmp_path: Path) -> Callable[..., Shop]:
    """The same namespace seen from a project in which a file has changed: `changed("dlq/parcels.py", old, new)`."""

    def change(file: str, old: str, new: str) -> Shop:
        root = tmp_path / f"changed-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("__pycache__"))
        path = root / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        return Shop(shop.servers, Cli(root, shop.cli.variables))

    return change
