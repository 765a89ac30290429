"""Everything that is attacked: cluster, Postgres, workers, coordinator, sink; and what watches it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from misstep.bus.topics import Topics, alerts_topic, contracts_topic, control_topic, ops_topic
from misstep.dev.postgres import EmbeddedPostgres
from misstep.saga.compile import compile_plan
from misstep.saga.rooms import load_project
from misstep.testing.chaos import (
    Cluster,
    Effect,
    Event,
    LiveReader,
    Load,
    Place,
    Recording,
    Row,
    Stream,
    Violation,
    Watch,
    Workflow,
    read_final,
)
from tests.chaos.cases import LINE, PAIR, maker
from tests.chaos.incidents import Incidents
from tests.chaos.running import Running
from tests.chaos.small_disk import SmallDisk

PROJECT = Path(__file__).parent / "project"
ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = 2
SMALL_NODE = 3
EFFECTS = """
CREATE TABLE effects (
    key text, what text, workflow text, step text, case_id text, times integer DEFAULT 1, PRIMARY KEY (key, what)
)
"""
ROWS = """
SELECT kafka_topic, kafka_partition, kafka_offset, case_id, epoch, state_version, agent, failure_reason::text,
       coalesce(prev_hash, ''), hash
FROM case_turns WHERE namespace = %s AND recorded_at >= %s
"""
LETTERS = "SELECT dlq_topic, dlq_partition, dlq_offset FROM dead_letters WHERE namespace = %s AND recorded_at >= %s"


@dataclass
class Site:
    """One run's servers and processes. `start` before anything else; `close` whatever happened."""

    directory: Path
    seed: int
    carry: bool = True
    line_per_second: float = 12.0
    pair_per_second: float = 6.0
    say: Callable[[str], None] = print
    namespace: str = field(default_factory=lambda: f"chaos{uuid.uuid4().hex[:6]}")

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.disk = SmallDisk(self.directory / "small-disk")
        small = self.disk.mount()
        self.cluster = Cluster(self.directory / "kafka", data_dirs={SMALL_NODE: small} if small else {})
        self.postgres = EmbeddedPostgres(self.directory / "postgres")
        self.journal = self.directory / "journal"
        self.journal.touch()
        self.runs: dict[str, Running] = {}
        self.incidents = Incidents(self.directory)
        self.foreign: set[Place] = set()
        self.loose: set[str] = set()
        self.due: dict[str, str] = {}
        """Case id -> workflow, of cases that a fault has published and that have to end like any other."""
        self._ends: dict[tuple[str, int], int] = {}
        self._journal_at = 0
        self._digests: dict[Place, bytes] = {}
        self._since: Any = None

    # Starting and ending

    def start(self) -> None:
        """Servers, topics, tables, processes, load (held), reader. Raises MisstepError, CalledProcessError."""
        self.say("starting three Kafka nodes and Postgres")
        self.cluster.start()
        self.postgres.start()
        project = load_project(PROJECT)
        plans = {name: compile_plan(score) for name, score in project.choreographies.items()}
        self.workflows = [
            Workflow(
                Topics(self.namespace, name),
                tuple(plan.agents),
                frozenset(agent.name for agent in plan.agents.values() if agent.agent.effect),
                frozenset(agent.name for agent in plan.agents.values() if agent.undo is not None),
            )
            for name, plan in plans.items()
        ]
        self.joins = {name: list(plan.joins) for name, plan in plans.items()}
        self.say("making topics and tables")
        command = [sys.executable, "-m", "misstep.cli.main", "apply", "--project", str(PROJECT)]
        subprocess.run(
            command, env=self.environment("apply"), check=True, stdout=subprocess.DEVNULL, cwd=ROOT, timeout=120
        )
        with self.database() as database:
            database.execute(EFFECTS)
            self._since = database.execute("SELECT now() - interval '1 minute'").fetchone()[0]
        self.starts = {name: plan.starts for name, plan in plans.items()}
        self.watch = Watch(self.workflows)
        topics = [topic for workflow in self.workflows for topic in workflow.read_topics()]
        self.reader = LiveReader(self.cluster.insider, topics, self.watch)
        metadata = self.cluster.admin().list_topics(timeout=10).topics
        self._ends = {(topic, partition): 0 for topic in topics for partition in metadata[topic].partitions}
        ways = {"line": (LINE, self.line_per_second), "pair": (PAIR, self.pair_per_second)}
        streams = [
            Stream(Topics(self.namespace, name), plans[name].starts, maker(plans[name].starts, how), rate)
            for name, (how, rate) in ways.items()
        ]
        self.load = Load(self.cluster.bootstrap, streams, self.seed)
        self.say("starting two workers, a coordinator and the audit sink")
        for name in ("worker-a", "worker-b"):
            self.run(name, "--only", "agents", "--no-coordinator")
        self.run("coordinator", "--only", "coordinator")
        self.run("sink", "--only", "sink")

    def close(self) -> None:
        """End everything; files stay until `remove`."""
        for running in self.runs.values():
            running.thaw()
            running.kill()
        for part in ("reader", "load"):
            if hasattr(self, part):
                getattr(self, part).close()
        self.cluster.close()
        self.postgres.resume()
        self.postgres.stop()
        self.disk.unmount()

    def remove(self) -> None:
        """Delete the files."""
        shutil.rmtree(self.directory, ignore_errors=True)

    # Processes

    def run(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> Running:
        """Start a `misstep run` of that name (its slot too), or again the one that there is."""
        if name not in self.runs:
            carry = ["--no-carry"] if not self.carry and "sink" not in arguments else []
            everything = ["--project", str(PROJECT), "--level", "info", *arguments, *carry]
            env = {**self.environment(name), **(environment or {})}
            self.runs[name] = Running(name, everything, env, self.directory / f"{name}.log")
        self.runs[name].start()
        return self.runs[name]

    def start_again(self) -> list[str]:
        """Start what has ended without being told to; what that was."""
        ended = [name for name, running in self.runs.items() if not running.alive()]
        for name in ended:
            self.runs[name].start()
        return ended

    def stop(self, name: str) -> None:
        """End a run that is no part of the steady state, and forget it. Nothing when there is none."""
        running = self.runs.pop(name, None)
        if running is not None:
            running.end(10.0)

    @property
    def workers(self) -> list[Running]:
        return [self.runs["worker-a"], self.runs["worker-b"]]

    def environment(self, name: str) -> dict[str, str]:
        """What a process of ours needs to know."""
        import os

        dsn = self.postgres.dsn
        assert dsn is not None
        return {
            **os.environ,
            "MISSTEP_KAFKA": self.cluster.bootstrap,
            "MISSTEP_POSTGRES": dsn,
            "MISSTEP_NAMESPACE": self.namespace,
            "MISSTEP_PARTITIONS": str(PARTITIONS),
            "MISSTEP_DATA": str(self.directory / "data"),
            "MISSTEP_SLOT": name,
            "MISSTEP_BUILD": "chaos",
            "PYTHONFAULTHANDLER": "1",  # a process that crashes in a library says where
            "CHAOS_JOURNAL": str(self.journal),
            "CHAOS_EFFECTS": dsn,
        }

    # What they left

    @property
    def topics(self) -> list[str]:
        """Every topic of the namespace."""
        own = [
            topic
            for workflow in self.workflows
            for topic in workflow.topics.all(workflow.agents, self.joins[workflow.topics.workflow])
        ]
        shared = (contracts_topic, control_topic, ops_topic, alerts_topic)
        return [*own, *(name(self.namespace) for name in shared)]

    def database(self) -> psycopg.Connection[Any]:
        """A connection to Postgres, in autocommit mode."""
        assert self.postgres.dsn is not None
        return psycopg.connect(self.postgres.dsn, autocommit=True, connect_timeout=5)

    def record(self, acknowledged: dict[str, str], patience_s: float) -> Recording:
        """What was recorded since the last call, once nothing is under way. Waits for reader and audit to catch up."""
        final, ends = read_final(self.cluster.insider, self._ends)
        live: list[Event] = []
        until = time.monotonic() + patience_s
        wanted = {event.place for event in final}
        while True:
            live += self.reader.take()
            if wanted <= {event.place for event in live} or time.monotonic() > until:
                break
            time.sleep(0.2)
        audited = {topic for workflow in self.workflows for topic in workflow.audited_topics()}
        due = {place for place in wanted if place.topic in audited}
        letters_due = {place for place in wanted if place.topic not in audited}
        until = time.monotonic() + patience_s
        while True:
            with self.database() as database:
                now = database.execute("SELECT now() - interval '1 second'").fetchone()[0]
                rows = [
                    Row(Place(topic, partition, offset), *rest)
                    for topic, partition, offset, *rest in database.execute(ROWS, [self.namespace, self._since])
                    if offset >= self._ends.get((topic, partition), 0)
                ]
                letters = [
                    place
                    for place in (Place(*row) for row in database.execute(LETTERS, [self.namespace, self._since]))
                    if place.offset >= self._ends.get(place[:2], 0)
                ]
                effects = [
                    Effect(key, what, workflow, step, case, times)
                    for key, what, workflow, step, case, times in database.execute(
                        "SELECT key, what, workflow, step, case_id, times FROM effects"
                    )
                ]
            if (due <= {row.place for row in rows} and letters_due <= set(letters)) or time.monotonic() > until:
                break
            time.sleep(0.3)
        effects += self._journalled()
        cases = {event.case_id for event in final}
        recording = Recording(
            self.workflows,
            acknowledged,
            live,
            final,
            rows,
            letters,
            [effect for effect in effects if effect.case_id in cases],
            set(self.foreign),
            set(self.loose),
        )
        self._ends, self._since = ends, now
        self._digests |= {event.place: event.digest() for event in final}
        with self.database() as database:
            database.execute("TRUNCATE effects")
        return recording

    def whole_log(self) -> list[Violation]:
        """Is all that was ever recorded still there, byte for byte, and nothing else? So many rows, too?"""
        final, _ = read_final(self.cluster.insider, dict.fromkeys(self._ends, 0), timeout_s=300)
        digests = {event.place: event.digest() for event in final}
        found = [
            Violation("phantom", "", f"{place} was in the log and is {'another' if place in digests else 'gone'}")
            for place, digest in self._digests.items()
            if digests.get(place) != digest
        ]
        found += [
            Violation("behind the reader", "", f"{place} was not in the log when it was read past")
            for place in digests.keys() - self._digests.keys()
        ]
        audited = {topic for workflow in self.workflows for topic in workflow.audited_topics()}
        due = sum(place.topic in audited for place in digests)
        with self.database() as database:
            rows = database.execute("SELECT count(*) FROM case_turns WHERE namespace = %s", [self.namespace]).fetchone()
        if rows[0] != due:
            rule = "audit missing" if rows[0] < due else "audit made up"
            found.append(Violation(rule, "", f"{rows[0]} rows of {due} events"))
        return found

    def _journalled(self) -> list[Effect]:
        with self.journal.open() as lines:
            lines.seek(self._journal_at)
            found = [Effect(*json.loads(line)) for line in lines]
            self._journal_at = lines.tell()
        return list(dict.fromkeys(found))
