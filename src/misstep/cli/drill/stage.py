"""Where a drill is played: servers, topics, processes, cases, and the books at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from rich.console import Console

from misstep.agents.subscription import COORDINATOR
from misstep.agents.worker.supervise import python_command
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S, apply
from misstep.cli.await_outcomes import await_outcomes
from misstep.cli.drill.environment import DrillEnvironment
from misstep.cli.drill.pace import Pace
from misstep.cli.drill.report import Check
from misstep.cli.drill.setup import Setup
from misstep.cli.interrupts import Interrupts
from misstep.cli.outcome_watch import Ended, OutcomeWatch
from misstep.cli.staging.accounting import Books, balance_books
from misstep.cli.staging.alone import alone
from misstep.cli.staging.audit import await_audit
from misstep.cli.staging.child import Child
from misstep.cli.staging.groups import await_groups
from misstep.cli.staging.namespaces import delete_namespace, delete_old_namespaces
from misstep.cli.staging.serving import serving
from misstep.dev.progress import Reporter
from misstep.store.connect import asking

PROCESS = "misstep.cli.drill.process"
Coordinate = Literal["too", "no", "only"]
READY_S = 60.0
PATIENCE_S = 30.0
"""How long a drill waits without any case ending."""
SETTLE_S = 0.5
"""After the last outcome: would some case get a second one?"""
AUDIT_S = 60.0

TWICE_SQL = """
SELECT count(*) FROM (
    SELECT 1 FROM case_turns WHERE namespace = %(namespace)s
    GROUP BY workflow, case_id, epoch, state_version, agent, kind HAVING count(*) > 1
) AS twice
"""


@dataclass
class Stage:
    """A drill that is being played."""

    env: DrillEnvironment
    admin: AdminClient
    progress: Reporter
    console: Console
    interrupts: Interrupts
    closing: ExitStack
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    paces: dict[str, Pace] = field(default_factory=dict)
    watches: dict[str, OutcomeWatch] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    @property
    def setup(self) -> Setup:
        return self.env.setup

    def say(self, line: str) -> None:
        """One line of progress."""
        self.progress.say(line)

    def check(self) -> None:
        """Raises MisstepError when one of the processes has ended by itself."""
        for child in self.children:
            child.check()

    # -- processes ----------------------------------------------------------------------------------------------------

    def child(self, kind: str, name: str, *arguments: str, **variables: str) -> Child:
        """A process of this drill, started; it is stopped with the drill."""
        log = self.env.data / "logs" / f"{self.env.settings.namespace}-{name}.log"
        child = Child(
            f"The {kind} {name}",
            python_command(PROCESS, kind, "--until-eof", *arguments),
            {**self.env.child_environment(), **variables},
            log,
        )
        self.children.append(child)
        self.closing.callback(child.stop)
        with self.interrupts.held():
            child.start()
        return child

    def worker(self, *hosted: str, index: int = 0, coordinate: Coordinate = "too", **variables: str) -> Child:
        """A worker for WORKFLOW or WORKFLOW/AGENT, once all of them have their partitions.

        coordinate: whether it also, or only, begins to take failed cases back. variables: of its environment.
        """
        arguments = ("--index", str(index), "--coordinate", coordinate, *hosted)
        child = self.child("worker", f"worker-{index}", *arguments, **variables)
        agents = self.env.hosted(hosted)
        groups = {self.env.topics(plan.workflow).group(agent.name) for plan, agent in agents}
        if coordinate == "only":
            groups = {self.env.topics(plan.workflow).group(COORDINATOR) for plan, _ in agents}
        await_groups(self.admin, groups, READY_S, child.log, child.check)
        return child

    @contextmanager
    def running(
        self, *hosted: str, index: int = 0, coordinate: Coordinate = "too", **variables: str
    ) -> Iterator[Child]:
        """A worker while the context lasts."""
        child = self.worker(*hosted, index=index, coordinate=coordinate, **variables)
        try:
            yield child
        finally:
            child.stop()

    # -- cases --------------------------------------------------------------------------------------------------------

    def pace(self, workflow: str) -> Pace:
        """Who publishes the cases of a workflow; from now on its outcomes are followed."""
        if workflow not in self.paces:
            self.watches[workflow] = OutcomeWatch(self.env.bootstrap, self.env.topics(workflow))
            self.closing.callback(self.watches[workflow].close)
            topics, starts = self.env.topics(workflow), self.env.plan(workflow).starts
            self.paces[workflow] = Pace(self.env.bootstrap, topics, starts, self.check)
        return self.paces[workflow]

    def ended(self, workflow: str) -> list[Ended]:
        """The outcomes so far, in the order in which they could be read."""
        return list(self.watches[workflow].ended)

    def await_all(
        self, workflow: str, patience_s: float = PATIENCE_S, meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Wait until every published case has ended, or none has for `patience_s`."""

        def look() -> None:
            self.check()
            if meanwhile is not None:
                meanwhile()

        await_outcomes(self.watches[workflow], set(self.paces[workflow].at), patience_s, self.console, meanwhile=look)

    def latencies(self, workflow: str) -> dict[str, float]:
        """Case -> seconds from publication until its outcome could be read."""
        at = self.paces[workflow].at
        found: dict[str, float] = {}
        for one in self.ended(workflow):
            if one.case_id in at:
                found.setdefault(one.case_id, one.seen_at - at[one.case_id])
        return found

    def lag(self, workflow: str, agent: str) -> int:
        """Records in Kafka that the agent's group has not committed; those of its running turns are among them."""
        group = ConsumerGroupTopicPartitions(self.env.topics(workflow).group(agent))
        (asked,) = self.admin.list_consumer_group_offsets([group]).values()
        committed = [one for one in asked.result().topic_partitions or [] if one.offset >= 0]
        latest = {TopicPartition(one.topic, one.partition): OffsetSpec.latest() for one in committed}  # type: ignore[no-untyped-call]
        ends = self.admin.list_offsets(latest)
        behind = {(place.topic, place.partition): end.result().offset for place, end in ends.items()}
        return sum(max(0, behind[one.topic, one.partition] - one.offset) for one in committed)

    # -- the books ----------------------------------------------------------------------------------------------------

    def books(self) -> dict[str, Books]:
        """By workflow: whether every case that was published has exactly one outcome."""
        time.sleep(SETTLE_S)
        return {name: balance_books(pace.at, self.ended(name)) for name, pace in self.paces.items()}

    def accounted_for(self) -> list[Check]:
        """What every drill promises: one outcome a case, and an audit that has every version exactly once."""
        books = self.books()
        published = sum(len(pace.at) for pace in self.paces.values())
        lost = sum(len(one.without_outcome) for one in books.values())
        several = sum(len(one.with_several) for one in books.values())
        strange = sum(len(one.never_published) for one in books.values())
        outcomes = sum(len(self.ended(name)) for name in self.paces)
        self.say("Waiting for the audit ...")
        audited = await_audit(self.env.dsn, self.env.settings.namespace, outcomes, AUDIT_S)
        twice = self.rows(TWICE_SQL)[0][0]
        return [
            Check(
                "every case has exactly one outcome",
                all(one.balance for one in books.values()),
                f"of {published} cases {lost} have none, {several} have several; {strange} were never published",
            ),
            Check(
                "the audit has every state version, each once",
                audited and not twice,
                ("whole" if audited else "not whole") + f", {twice} versions twice",
            ),
        ]

    def rows(self, sql: str, **parameters: object) -> Sequence[Sequence[Any]]:
        """What the audit answers; `%(namespace)s` is this drill's."""
        with asking(self.env.dsn) as connection:
            return connection.execute(sql, {"namespace": self.env.settings.namespace, **parameters}).fetchall()

    def outcomes(self, workflow: str) -> Mapping[str, int]:
        """How many cases ended how."""
        return Counter(one.outcome for one in self.ended(workflow))


@contextmanager
def staged(
    env: DrillEnvironment, interrupts: Interrupts, console: Console, progress: Reporter, *, keep: bool
) -> Iterator[Stage]:
    """Servers, topics and the audit sink for a drill; what it started is stopped at the end, however that comes."""
    env.project  # noqa: B018  # is it there at all? before anything is started
    with ExitStack() as stack, interrupts.deaf_at_end():
        stack.enter_context(alone(env.data))
        stack.enter_context(serving(env, progress))
        admin = connect(env.bootstrap, KAFKA_PATIENCE_S)
        if env.settings.kafka is None:
            delete_old_namespaces(admin)
        if not keep:
            stack.callback(delete_namespace, admin, env.settings.namespace)
        applied = apply(env)
        progress.say(f"Namespace {env.settings.namespace} at {env.bootstrap}: {applied.topics} topics")
        stack.callback(progress.say, "Stopping what the drill started ...")
        stage = Stage(env, admin, progress, console, interrupts, stack)
        stage.child("sink", "sink", "--instance", "drill-sink")
        yield stage
