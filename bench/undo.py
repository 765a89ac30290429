"""From failure to compensated: five agents, three undos, failing cases beside a steady load of good ones.

One worker process hosts everything, the coordinator included; an independent read_committed reader notes when each
outcome becomes visible. Measured from the moment at which the fourth agent failed (`ce_time` of its event).

Twice: on a broker as it comes, and on one that does not ask the transaction coordinator about each partition of each
transaction (`transaction.partition.verification.enable`; RATIONALE.md, "Speed", says what that is for). The broker's
setting is put back.

    python bench/undo.py [--rate 500] [--failing 15] [--seconds 20] [--partitions 2] [--no-carry] [--json]
    python bench/undo.py --failing 0 [--no-coordinator]    # what the coordinator adds to cases that go well
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime
from typing import Any, Literal

import hop
import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from misstep import Choreography, Contract, Failure, Turn, Undo, agent, compensate
from misstep.agents.wiring import Wiring
from misstep.agents.worker.interpreter import tune_interpreter
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.message import headers_of
from misstep.bus.topics import Topics, control_topic
from misstep.contracts import LocalSchemas
from misstep.logs import configure_logs
from misstep.saga.compile import compile_plan

WARM_UP_S = 8.0
VERIFICATION = "transaction.partition.verification.enable"
STEPS = ["one", "two", "three", "four", "five"]


class Step0(Contract, name="bench.step0", version="1.0"):
    """A case."""

    number: int
    fails: bool


class Step1(Contract, name="bench.step1", version="1.0"):
    """After one."""

    number: int
    fails: bool


class Step2(Contract, name="bench.step2", version="1.0"):
    """After two."""

    number: int
    fails: bool


class Step3(Contract, name="bench.step3", version="1.0"):
    """After three."""

    number: int
    fails: bool


class Step4(Contract, name="bench.step4", version="1.0"):
    """After four."""

    number: int


class Step5(Contract, name="bench.step5", version="1.0"):
    """After five."""

    number: int


@agent(budget="2s", owner="bench", effect="does one")
def one(turn: Turn[Step0]) -> Step1:
    return Step1(number=turn.payload.number, fails=turn.payload.fails)


@agent(budget="2s", owner="bench", effect="does two")
def two(turn: Turn[Step1]) -> Step2:
    return Step2(number=turn.payload.number, fails=turn.payload.fails)


@agent(budget="2s", owner="bench", effect="does three")
def three(turn: Turn[Step2]) -> Step3:
    return Step3(number=turn.payload.number, fails=turn.payload.fails)


@agent(budget="2s", owner="bench")
def four(turn: Turn[Step3]) -> Step4 | Failure[Literal["compliance_fail"]]:
    if turn.payload.fails:
        return turn.fail("compliance_fail", "as the load says")
    return Step4(number=turn.payload.number)


@agent(budget="2s", owner="bench")
def five(turn: Turn[Step4]) -> Step5:
    return Step5(number=turn.payload.number)


def score() -> Choreography:
    """Five steps; the fourth may fail, three are undone."""
    made = Choreography("undoing", starts=Step0, deadline="1h", handoffs=0)
    for step in (one, two, three, five):
        made.on(step, waive="nothing of its own can fail")  # type: ignore[arg-type]
    made.on(four, compliance_fail=compensate)

    @made.undo(one)
    async def undo_one(undo: Undo[Step0, Step1]) -> None:
        return None

    @made.undo(two)
    async def undo_two(undo: Undo[Step1, Step2]) -> None:
        return None

    @made.undo(three)
    async def undo_three(undo: Undo[Step2, Step3]) -> None:
        return None

    return made


def run_worker(bootstrap: str, namespace: str, carry: bool, coordinates: bool, stop: Any) -> None:
    """A worker that hosts all five agents, their undos and, if it coordinates, the coordinator."""
    configure_logs("warning")
    tune_interpreter()
    plan = compile_plan(score())
    hosted = [(plan, agent) for agent in plan.agents.values()]
    settings = WorkerSettings(bootstrap, namespace, "bench", "bench", carry=carry)
    worker = Worker(settings, hosted, Wiring(), LocalSchemas(), coordinating=None if coordinates else [])

    def wait() -> None:
        stop.wait()
        worker.stop()

    threading.Thread(target=wait, daemon=True).start()
    worker.run()


def measure(bootstrap: str, options: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    rate, failing, seconds, partitions = options.rate, options.failing, options.seconds, options.partitions
    namespace = f"undo-{uuid.uuid4().hex[:8]}"
    topics = Topics(namespace, "undoing")
    hop.make_topics(bootstrap, topics.all(STEPS), partitions)
    hop.make_topics(bootstrap, [control_topic(namespace)], 1)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    worker = context.Process(target=run_worker, args=(bootstrap, namespace, options.carry, options.coordinator, stop))
    worker.start()
    seen: dict[str, tuple[float, str]] = {}
    failed: dict[str, float] = {}
    published: dict[str, float] = {}
    ended = threading.Event()
    watching = [
        threading.Thread(target=_watch, args=(bootstrap, topics.outcomes, ended, seen)),
        threading.Thread(target=_watch_failures, args=(bootstrap, topics.failed("four"), ended, failed)),
    ]
    for thread in watching:
        thread.start()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    began, number = time.time(), 0
    while (now := time.time()) < began + WARM_UP_S + seconds:
        while number < (now - began) * rate:
            fails = number % (rate // failing) == 0 if failing else False
            case = f"case-{number}"
            producer.produce(topics.cases, orjson.dumps({"number": number, "fails": fails}), case.encode())
            published[case] = now
            number += 1
        producer.poll(0.001)
    producer.flush(10)
    until = time.time() + 30
    while len(seen) < number and time.time() < until:
        time.sleep(0.1)
    ended.set()
    for thread in watching:
        thread.join()
    stop.set()
    worker.join(30)
    counted = {case for case, at in published.items() if at > began + WARM_UP_S}
    undone = sorted((seen[case][0] - at) * 1000 for case, at in failed.items() if case in seen and case in counted)
    whole = sorted((seen[case][0] - published[case]) * 1000 for case in counted if case in seen and case not in failed)
    return {
        "cases": number,
        "without_outcome": number - len(seen),
        "compensated": sum(ended_as == "compensated" for _, ended_as in seen.values()),
        "failure_to_compensated_ms": _percentiles(undone),
        "case_end_to_end_ms": _percentiles(whole),
    }


def verify_partitions(bootstrap: str, wanted: bool | None) -> None:
    """Have the brokers verify partitions or not; None: as it was."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    change = AlterConfigOpType.DELETE if wanted is None else AlterConfigOpType.SET
    brokers = []
    for broker in admin.list_topics(timeout=10).brokers:
        resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
        entry = ConfigEntry(VERIFICATION, str(wanted).lower(), incremental_operation=change)
        resource.add_incremental_config(entry)
        brokers.append(resource)
    for answer in admin.incremental_alter_configs(brokers).values():
        answer.result(10)


def _watch(bootstrap: str, topic: str, ended: threading.Event, seen: dict[str, tuple[float, str]]) -> None:
    consumer = hop.reader(bootstrap, topic)
    while not ended.is_set():
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            outcome = orjson.loads(message.value() or b"")["outcome"]
            seen.setdefault((message.key() or b"").decode(), (time.time(), outcome))
    consumer.close()


def _watch_failures(bootstrap: str, topic: str, ended: threading.Event, failed: dict[str, float]) -> None:
    consumer = hop.reader(bootstrap, topic)
    while not ended.is_set():
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            at = dict(headers_of(message))["ce_time"] or b""
            failed[(message.key() or b"").decode()] = datetime.fromisoformat(at.decode()).timestamp()
    consumer.close()


def _percentiles(sorted_ms: list[float]) -> dict[str, float]:
    if not sorted_ms:
        return {}
    return {
        "n": len(sorted_ms),
        "p50": round(sorted_ms[len(sorted_ms) // 2], 1),
        "p99": round(sorted_ms[min(len(sorted_ms) - 1, len(sorted_ms) * 99 // 100)], 1),
    }


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500, help="cases a second")
    parser.add_argument("--failing", type=int, default=15, help="of these, failing ones a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True, help="carrying on")
    parser.add_argument("--coordinator", action=argparse.BooleanOptionalAction, default=True, help="host one")
    parser.add_argument("--kafka", help="a running broker; default: an embedded one of its own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def run(bootstrap: str) -> dict[str, Any]:
        verified = measure(bootstrap, options)
        verify_partitions(bootstrap, False)
        try:
            return verified | {"unverified": measure(bootstrap, options)}
        finally:
            verify_partitions(bootstrap, None)

    if options.kafka:
        found = run(options.kafka)
    else:
        from pathlib import Path

        from misstep.dev.servers import down, up

        with tempfile.TemporaryDirectory(prefix="misstep-bench-") as directory:
            found = run(str(up(Path(directory)).kafka.bootstrap_servers))
            down(Path(directory))
    if options.json:
        print(json.dumps(found))
        return 0
    unverified = found.pop("unverified")
    for title, figures in {"broker as it comes": found, "no partition verification": unverified}.items():
        print(title)
        for name, value in figures.items():
            print(f"  {name:28} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
