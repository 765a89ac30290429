"""The demo itself, from the servers' start to the books."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from misstep.agents.worker.supervise import python_command
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S, apply
from misstep.cli.await_outcomes import await_outcomes
from misstep.cli.demo.faults import WiredFaults, wired_faults
from misstep.cli.demo.messages import DemoMessages, demo_messages
from misstep.cli.demo.publishing import Sent, publish_steadily
from misstep.cli.interrupts import Interrupts
from misstep.cli.outcome_watch import Ended, OutcomeWatch
from misstep.cli.staging.accounting import Books, balance_books
from misstep.cli.staging.alone import alone
from misstep.cli.staging.audit import await_audit
from misstep.cli.staging.child import Child
from misstep.cli.staging.groups import await_groups
from misstep.cli.staging.namespaces import delete_old_namespaces
from misstep.cli.staging.serving import serving
from misstep.composition import Environment
from misstep.dev.progress import Reporter
from misstep.errors import UsageError

WORKFLOW = "invoice"
RECEIPTS = "examples/receipts.jsonl"
READY_S = 60.0
PATIENCE_S = 65.0
"""How long the demo waits without any case ending: a case's own deadline, and a little."""
SETTLE_S = 0.5
"""After the last outcome: would some case get a second one?"""
AUDIT_S = 30.0


@dataclass
class DemoRun:
    """What a demo did."""

    namespace: str
    made: DemoMessages
    wired: WiredFaults
    agents: Child
    sent: Sent
    ended: list[Ended]
    books: Books
    audited: bool
    """Whether the audit had everything in time."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each part took."""


@contextmanager
def staged(
    env: Environment, interrupts: Interrupts, console: Console, progress: Reporter, *, receipts: int | None, seed: int
) -> Iterator[DemoRun]:
    """Play the demo; what it started runs while the context lasts, and is stopped at its end, however that comes."""
    if WORKFLOW not in env.plans:
        raise UsageError(
            f"{env.project.root} has no workflow {WORKFLOW!r}: `misstep demo` runs the one of Misstep's own "
            "repository; run your own with `misstep up`, `apply`, `run` and `publish`."
        )
    made = demo_messages(env.project.root / RECEIPTS, seed, receipts)
    wired = wired_faults(env, seed, made.receipts)
    plan, topics = env.plan(WORKFLOW), env.topics(WORKFLOW)
    env.plans = {WORKFLOW: plan}  # the project's other workflows get no topics here, and nobody runs them
    clock = _Clock()
    with ExitStack() as stack, interrupts.deaf_at_end():
        stack.enter_context(alone(env.data))
        stack.enter_context(serving(env, progress))
        progress.say(f"Kafka at {env.bootstrap} and Postgres are up ({clock.lap('servers'):.1f} s)")
        admin = connect(env.bootstrap, KAFKA_PATIENCE_S)
        if env.settings.kafka is None:
            delete_old_namespaces(admin)
        applied = apply(env)
        progress.say(
            f"Namespace {env.settings.namespace}: {applied.topics} topics, {applied.contracts} contracts, "
            f"{applied.migrations} migrations ({clock.lap('apply'):.1f} s)"
        )
        log = env.data / "logs" / f"{env.settings.namespace}.log"
        agents = Child(
            "The agents",
            python_command("misstep.cli.main", "run", WORKFLOW, "--level", "info", "--until-eof"),
            {**env.child_environment(), "INVOICE_FAULTS": wired.variable},
            log,
        )
        stack.callback(agents.stop)
        stack.callback(progress.say, "Stopping what the demo started ...")
        with interrupts.held():
            agents.start()
        groups = [*(topics.group(name) for name in plan.agents), topics.audit_group()]
        await_groups(admin, groups, READY_S, log, agents.check)
        progress.say(f"{', '.join(plan.agents)} and the audit sink are ready ({clock.lap('agents'):.1f} s)")
        watch = OutcomeWatch(env.bootstrap, topics)
        stack.callback(watch.close)
        _tell_faults(made, wired, progress)
        sent = publish_steadily(env.bootstrap, topics, plan.starts, made.messages)
        progress.say(f"Published {sent.messages} messages ({clock.lap('publish'):.1f} s)")
        await_outcomes(watch, set(sent.at), PATIENCE_S, console, meanwhile=agents.check)
        time.sleep(SETTLE_S)
        ended = list(watch.ended)
        progress.say(f"{len(ended)} outcomes ({clock.lap('outcomes'):.1f} s)")
        audited = await_audit(env.dsn, env.settings.namespace, len(ended), AUDIT_S)
        clock.lap("audit")
        books = balance_books(sent.at, ended)
        yield DemoRun(env.settings.namespace, made, wired, agents, sent, ended, books, audited, clock.laps)


def _tell_faults(made: DemoMessages, wired: WiredFaults, progress: Reporter) -> None:
    progress.say("Faults on purpose:")
    for what, receipts in made.faults.items():
        progress.say(f"  {len(receipts)}  {what}: {', '.join(receipts)}")
    progress.say(f"  {len(wired.slow)}  receipts on which the model is too slow: {', '.join(wired.slow)}")
    progress.say(f"     a register of purchase orders that is down for {wired.orders_down:.0%} of the suppliers")


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._at = time.monotonic()

    def lap(self, name: str) -> float:
        now = time.monotonic()
        self.laps[name], self._at = now - self._at, now
        return self.laps[name]
