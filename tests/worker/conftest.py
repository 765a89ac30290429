"""Workers, topics and load for the worker's tests, on the real broker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from misstep.agents.plan import Plan
from misstep.agents.wiring import Wiring
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.provision import apply_topics, shared_topics, workflow_topics
from misstep.bus.publish import CasePublisher
from misstep.bus.topics import Topics
from misstep.contracts import LocalSchemas
from misstep.saga.compile import compile_plan
from tests.conftest import Servers
from tests.worker import oracle
from tests.worker import score as scores
from tests.worker.deadly import JOURNAL, deadly

ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 2


@dataclass
class Site:
    """One namespace with the topics of one workflow, and the workers in it."""

    kafka: str
    namespace: str
    plan: Plan
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def topics(self) -> Topics:
        return Topics(self.namespace, self.plan.workflow)

    @property
    def agents(self) -> list[str]:
        return list(self.plan.agents)

    def publish(self, orders: Sequence[Any], *, prefix: str = "case") -> set[str]:
        """Publish cases, of the contract that begins the workflow; returns their ids."""
        publisher = CasePublisher(self.kafka, self.topics, self.plan.starts)
        ids = set()
        for order in orders:
            case_id = f"{prefix}-{order.number}"
            publisher.publish(case_id, order.model_dump_json().encode())
            ids.add(case_id)
        assert publisher.flush() == 0
        assert not publisher.failed
        return ids

    def publish_raw(
        self, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]] | None = None, topic: str = ""
    ) -> None:
        """Publish bytes as any producer could."""
        producer = Producer({"bootstrap.servers": self.kafka})
        producer.produce(topic or self.topics.cases, value, key, headers=headers or [])
        assert producer.flush(10) == 0

    def start(
        self,
        slot: str,
        *,
        kill: str = "",
        agents: list[str] | None = None,
        drain: float = 10.0,
        coordinate: bool = True,
        more: Sequence[str] = (),
    ) -> int:
        """Start a worker process; returns its index in `processes`. more: of its options (tests/worker/process.py)."""
        command = [sys.executable, "-m", "tests.worker.process", "--kafka", self.kafka, "--namespace", self.namespace]
        command += ["--slot", slot, "--workflow", self.plan.workflow, "--kill", kill, "--drain", str(drain)]
        if not coordinate:
            command.append("--no-coordinate")
        if agents is not None:
            command += ["--agents", *agents]
        command += more
        log = Path(os.environ.get("MISSTEP_TEST_LOGS", "/tmp")) / f"worker-{self.namespace}-{slot}.log"
        with log.open("a") as out:
            process = subprocess.Popen(command, cwd=ROOT, stderr=out, text=True)
        self.processes.append(process)
        return len(self.processes) - 1

    def log_of(self, slot: str) -> list[dict[str, object]]:
        """A worker's log, line by line."""
        log = Path(os.environ.get("MISSTEP_TEST_LOGS", "/tmp")) / f"worker-{self.namespace}-{slot}.log"
        return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]

    def wait_for_outcomes(self, count: int, timeout_s: float = 60) -> list[oracle.Seen]:
        return oracle.wait_for(self.kafka, self.topics.outcomes, count, timeout_s)

    def limit(self, topic: str, max_bytes: int) -> None:
        """Let the broker refuse larger messages in a topic; the client does not know of it."""
        entry = ConfigEntry("max.message.bytes", str(max_bytes), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.kafka})
        for future in admin.incremental_alter_configs([resource]).values():
            future.result()
        assert until(lambda: self._refuses(topic, max_bytes + 10_000))

    def _refuses(self, topic: str, size: int) -> bool:
        """Does the broker refuse a value of this size by now? Asked in a transaction that comes to nothing."""
        producer = Producer({"bootstrap.servers": self.kafka, "transactional.id": f"{self.namespace}.probe"})
        producer.init_transactions(10)
        producer.begin_transaction()
        errors: list[KafkaError] = []
        producer.produce(topic, b"x" * size, on_delivery=lambda error, _: errors.append(error) if error else None)
        producer.flush(10)
        producer.abort_transaction(10)
        return [error.code() for error in errors] == [KafkaError.MSG_SIZE_TOO_LARGE]

    def check(self, ids: set[str], *, born_broken: frozenset[str] = frozenset()) -> dict[str, list[oracle.Seen]]:
        return oracle.check(self.kafka, self.topics, self.agents, ids, born_broken=born_broken)

    def end(self, process: subprocess.Popen[str], timeout_s: float = 20) -> int:
        """SIGTERM, and the exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout_s)

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(10)

    @contextmanager
    def hosting(
        self,
        *,
        seam: Callable[[str], None] = lambda name: None,
        slot: str = "test-0",
        agents: list[str] | None = None,
        coordinate: bool = True,
        carry: bool = True,
    ) -> Iterator[Worker]:
        """A worker in this process, in a thread."""
        hosted = [(self.plan, agent) for agent in self.plan.agents.values() if agents is None or agent.name in agents]
        settings = WorkerSettings(self.kafka, self.namespace, slot, "tests", drain_s=5, carry=carry, seam=seam)
        worker = Worker(settings, hosted, Wiring(), LocalSchemas(), coordinating=[self.plan] if coordinate else [])
        broke: list[BaseException] = []

        def run() -> None:
            try:
                worker.run()
            except BaseException as error:  # noqa: BLE001  # raised again in the test
                broke.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert worker.ready.wait(20)
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(30)
        assert not thread.is_alive(), "the worker did not drain"
        if broke:
            raise broke[0]


@pytest.fixture(scope="session")
def plans() -> dict[str, Plan]:
    return {name: compile_plan(score) for name, score in (("work", scores.score), ("single", scores.single))}


@pytest.fixture
def make_site(servers: Servers, plans: dict[str, Plan]) -> Iterator[Callable[[str], Site]]:
    yield from _sites(servers, plans)


@pytest.fixture
def make_site_of(servers: Servers) -> Iterator[Callable[[Plan], Site]]:
    """Sites of any plan."""
    with ExitStack() as stack:
        yield lambda plan: stack.enter_context(contextmanager(_sites)(servers, {"it": plan}))("it")


@pytest.fixture
def make_site_on(plans: dict[str, Plan]) -> Iterator[Callable[[Servers, str], Site]]:
    """Sites on servers that the test brings itself."""
    with ExitStack() as stack:
        yield lambda servers, workflow: stack.enter_context(contextmanager(_sites)(servers, plans))(workflow)


@pytest.fixture(scope="module")
def make_module_site(servers: Servers, plans: dict[str, Plan]) -> Iterator[Callable[[str], Site]]:
    yield from _sites(servers, plans)


def _sites(servers: Servers, plans: dict[str, Plan]) -> Iterator[Callable[[str], Site]]:
    made: list[Site] = []
    topics: list[str] = []
    admin = AdminClient({"bootstrap.servers": servers.kafka})

    def make(workflow: str, partitions: int = PARTITIONS) -> Site:
        site = Site(servers.kafka, f"t{uuid.uuid4().hex[:10]}", plans[workflow])
        specs = workflow_topics(site.topics, site.agents, site.plan.joins, partitions)
        specs += shared_topics(site.namespace)
        apply_topics(admin, specs, 1)
        topics.extend(spec.name for spec in specs)
        made.append(site)
        return site

    yield make
    for site in made:
        site.close()
    if topics:  # each partition that is left costs the broker memory; nobody waits for them to be gone
        admin.delete_topics(topics)


@pytest.fixture
def site(make_site: Callable[[str], Site]) -> Site:
    """The workflow `work` in a namespace of its own."""
    return make_site("work")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the agents of tests/worker/deadly.py note their runs."""
    path = tmp_path / "journal"
    monkeypatch.setenv(JOURNAL, str(path))
    return path


@pytest.fixture
def deadly_site(make_site_of: Callable[[Plan], Site], journal: Path) -> Site:
    """The workflow `deadly` in a namespace of its own."""
    return make_site_of(compile_plan(deadly))


def until(condition: Callable[[], bool], timeout_s: float = 20, every_s: float = 0.05) -> bool:
    """Wait for a condition; whether it came true."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True
