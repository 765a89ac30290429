"""One hop: what does a turn cost beside the raw transactional loop that it stands on?

One process, one agent with contract validation in and out, all headers, hash chain, exactly once, on real loans; and
in the same run, on the same broker, the bare confluent-kafka consume -> produce loop with the same bytes and headers,
in transactions of up to 1,000, once as it is and once with the same models reading and writing each value. Reported:
events/s of each, the ratios, and latency p50/p99 at 5,000 events/s.

    python bench/hop.py [--events 60000] [--rounds 3] [--partitions 2] [--kafka HOST:PORT] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from misstep import Choreography, Contract, Turn, Wiring, agent, dead_letter
from misstep.agents.worker.interpreter import tune_interpreter
from misstep.agents.worker.worker import Worker
from misstep.agents.worker.worker_settings import WorkerSettings
from misstep.bus.topics import Topics
from misstep.contracts import LocalSchemas, encode
from misstep.logs import configure_logs
from misstep.saga.compile import compile_plan

ROOT = Path(__file__).resolve().parent.parent
FULL = ROOT.parent / "shared" / "data" / "loans.jsonl.gz"
SAMPLE = ROOT / "examples" / "loans.jsonl.gz"
RAW_BATCH = 1_000


class Loan(Contract, name="bench.loan", version="1.0"):
    """A loan application as it was registered."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]


class Checked(Contract, name="bench.checked", version="1.0"):
    """The same application after a check."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]
    steps: int


class AvroLoan(Loan, name="bench.avro_loan", version="1.0", encoding="avro"):
    """The loan in Avro."""


class AvroChecked(Checked, name="bench.avro_checked", version="1.0", encoding="avro"):
    """The checked loan in Avro."""


class Settled(Contract, name="bench.settled", version="1.0"):
    """Where the cases would go next."""

    application_id: str


def _checked(kind: type[Any], loan: Loan) -> Any:
    return kind(
        application_id=loan.application_id,
        registered_at=loan.registered_at,
        amount_requested=loan.amount_requested,
        outcome=loan.outcome,
        activities=loan.activities,
        steps=len(loan.activities),
    )


@agent(budget="2s", owner="bench")
def check(turn: Turn[Loan]) -> Checked:
    """The agent that is measured: as little of its own as an agent can do."""
    return _checked(Checked, turn.payload)  # type: ignore[no-any-return]


@agent(budget="2s", owner="bench")
def check_avro(turn: Turn[AvroLoan]) -> AvroChecked:
    """The same in Avro."""
    return _checked(AvroChecked, turn.payload)  # type: ignore[no-any-return]


def loans() -> list[bytes]:
    """Real loans, one JSON value each."""
    with gzip.open(FULL if FULL.exists() else SAMPLE, "rt", encoding="utf-8") as lines:
        return [line.strip().encode() for line in lines]


@agent(budget="2s", owner="bench")
def rest(turn: Turn[Checked]) -> Settled:
    """Hears what is measured, and is hosted by nobody: one hop, not the end of a case."""
    return Settled(application_id=turn.payload.application_id)


@agent(budget="2s", owner="bench")
def rest_avro(turn: Turn[AvroChecked]) -> Settled:
    """The same for Avro."""
    return Settled(application_id=turn.payload.application_id)


def workflow(name: str, avro: bool) -> Choreography:
    """A choreography of two agents, of which one is measured."""
    score = Choreography(name, starts=AvroLoan if avro else Loan, deadline="1h", handoffs=0)
    score.on(check_avro if avro else check, schema_invalid=dead_letter, waive="nothing of its own can fail")
    score.on(rest_avro if avro else rest, schema_invalid=dead_letter, waive="nothing of its own can fail")
    return score


# -- the two contestants, each in a process of its own ----------------------------------------------------------------


def run_raw(bootstrap: str, source: str, target: str, group: str, validate: bool, headers: Any, stop: Any) -> None:
    """The bare loop: consume, produce as many bytes with the same headers, in transactions.

    validate: do with each value what any typed agent does: read it by its model, make the output, write that.
    """
    read = Loan.__pydantic_validator__.validate_json
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "queued.min.messages": 20_000,
            "fetch.queue.backoff.ms": 2,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": group,
            "linger.ms": 0,
            "retry.backoff.ms": 2,
            "retry.backoff.max.ms": 20,
            "queue.buffering.max.messages": 500_000,
        }
    )
    producer.init_transactions(30)
    consumer.subscribe([source])
    while not stop.is_set():
        first = consumer.poll(0.1)
        if first is None:
            continue
        batch = [first, *consumer.consume(RAW_BATCH - 1, 0)]
        producer.begin_transaction()
        for message in batch:
            producer.produce(
                target,
                encode(_checked(Checked, read(message.value() or b""))) if validate else message.value(),
                message.key(),
                message.partition(),
                headers=headers,
            )
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
    consumer.close()


def run_misstep(bootstrap: str, namespace: str, name: str, avro: bool, slot: str, stop: Any) -> None:
    """Misstep: the worker as it runs in production, hosting one agent."""
    configure_logs("warning")
    tune_interpreter()
    plan = compile_plan(workflow(name, avro))
    worker = Worker(
        WorkerSettings(bootstrap, namespace, slot, "bench"),
        [(plan, plan.agents["check_avro" if avro else "check"])],
        Wiring(),
        LocalSchemas(),
    )

    def wait() -> None:
        stop.wait()
        worker.stop()

    threading.Thread(target=wait, daemon=True).start()
    worker.run()


@contextmanager
def running(target: Any, *arguments: Any) -> Iterator[None]:
    """A contestant, from its start to its clean end."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=target, args=(*arguments, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join(30)
        if process.is_alive():
            process.kill()


# -- load and measurement ---------------------------------------------------------------------------------------------


def make_topics(bootstrap: str, names: list[str], partitions: int) -> None:
    """Topics with room for the largest event."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    config = {"max.message.bytes": "2097152"}
    for future in admin.create_topics([NewTopic(n, partitions, 1, config=config) for n in names]).values():
        future.result()


def preload(bootstrap: str, topic: str, values: list[bytes], events: int) -> None:
    """Write `events` cases before the clock starts."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    for number, value in zip(range(events), itertools.cycle(values), strict=False):
        producer.produce(topic, value, f"case-{number}".encode())
        if number % 5_000 == 0:
            producer.poll(0)
    producer.flush(60)


def reader(bootstrap: str, topic: str) -> Consumer:
    """An independent read_committed reader of a whole topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bench-reader-{uuid.uuid4().hex}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
            "fetch.queue.backoff.ms": 2,
        }
    )
    while not (partitions := consumer.list_topics(topic, 10).topics[topic].partitions):
        time.sleep(0.05)  # a topic that was made a moment ago shows none yet
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    return consumer


def rate_of(bootstrap: str, topic: str, events: int, skip: int) -> float:
    """Events a second between the `skip`-th and the last output, by the broker's log-append-free create timestamps."""
    consumer = reader(bootstrap, topic)
    seen, began, ended = 0, 0.0, 0.0
    while seen < events:
        batch = consumer.consume(5_000, 1.0)
        seen += sum(message.error() is None for message in batch)
        now = time.monotonic()
        if not began and seen >= skip:
            began, skip = now, seen
        ended = now
    consumer.close()
    return (events - skip) / (ended - began)


def sample_event(bootstrap: str, topic: str) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """One event that Misstep wrote: its bytes and headers are what the raw loop writes."""
    consumer = reader(bootstrap, topic)
    message = None
    while message is None:
        message = consumer.poll(1)
    consumer.close()
    return message.value(), list(message.headers() or ())


def latency(
    bootstrap: str, source: str, target: str, values: list[bytes], per_second: int, seconds: int
) -> list[float]:
    """Milliseconds from produce to visible for a read_committed reader, at a steady rate; warm-up left out."""
    sent: dict[bytes, float] = {}
    took: list[float] = []
    total = per_second * seconds
    warm = total // 4
    consumer = reader(bootstrap, target)
    for place in consumer.assignment():  # only what is written from now on
        _, end = consumer.get_watermark_offsets(place, 5)
        consumer.seek(TopicPartition(place.topic, place.partition, end))
    done = threading.Event()

    def read() -> None:
        left = total
        until = time.monotonic() + seconds + 30
        while left and time.monotonic() < until:
            first = consumer.poll(0.1)
            if first is None:
                continue
            for message in (first, *consumer.consume(1_000, 0)):
                if message.error() is not None:
                    continue
                left -= 1
                at = sent.pop(message.key() or b"", None)
                if at is not None:
                    took.append((time.perf_counter() - at) * 1000)
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "queue.buffering.max.messages": 500_000})
    run = uuid.uuid4().hex[:6]
    began = time.perf_counter()
    number = 0
    cycle = itertools.cycle(values)
    while number < total:
        due = min(total, int((time.perf_counter() - began) * per_second))
        while number < due:
            key = f"{run}-{number}".encode()
            if number >= warm:
                sent[key] = time.perf_counter()
            producer.produce(source, next(cycle), key)
            number += 1
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(30)
    done.wait(60)
    thread.join()
    consumer.close()
    if sent:
        print(f"{len(sent)} events did not come out", file=sys.stderr)
    return took


def percentiles(took: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    ordered = sorted(took)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second of the latency run")
    parser.add_argument("--seconds", type=int, default=12, help="length of the latency run")
    parser.add_argument("--only", choices=["json", "avro"], help="one row only")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--kafka", help="a running broker; default: an embedded one of its own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.kafka:
        report = bench(options.kafka, options)
    else:
        from misstep.dev.servers import down, up

        with tempfile.TemporaryDirectory(prefix="misstep-bench-") as directory:
            state = up(Path(directory))
            try:
                report = bench(str(state.kafka.bootstrap_servers), options)
            finally:
                down(Path(directory))
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def bench(bootstrap: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rounds of Misstep and raw in turn, so that the machine's moods fall on both."""
    values = loans()
    report: dict[str, Any] = {"events": options.events, "partitions": options.partitions, "rows": []}
    for avro in (False, True):
        if options.only and avro != (options.only == "avro"):
            continue
        report["rows"].append(one_row(bootstrap, values, avro, options))
    return report


def one_row(bootstrap: str, values: list[bytes], avro: bool, options: argparse.Namespace) -> dict[str, Any]:
    """JSON or Avro: rates, ratio and latency."""
    if avro:
        values = [encode(AvroLoan.model_validate_json(value)) for value in values[:3_000]]
    ours: list[float] = []
    raw: list[float] = []
    validated: list[float] = []
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    for number in range(options.rounds):
        name = f"hop{number}"
        topics = Topics(namespace, name)
        agent_name = "check_avro" if avro else "check"
        make_topics(bootstrap, topics.all([agent_name, "rest_avro" if avro else "rest"]), options.partitions)
        preload(bootstrap, topics.cases, values, options.events)
        skip = options.events // 6
        with running(run_misstep, bootstrap, namespace, name, avro, "bench-0"):
            ours.append(rate_of(bootstrap, topics.agent(agent_name), options.events, skip))
            if number == options.rounds - 1 and not options.no_latency:
                took = latency(bootstrap, topics.cases, topics.agent(agent_name), values, options.rate, options.seconds)
        _, headers = sample_event(bootstrap, topics.agent(agent_name))
        for rates, kind in ((raw, "raw"), (validated, "validated")):
            if kind == "validated" and avro:
                continue
            target = f"{namespace}.{kind}{number}"
            make_topics(bootstrap, [target], options.partitions)
            with running(run_raw, bootstrap, topics.cases, target, target, kind == "validated", headers):
                rates.append(rate_of(bootstrap, target, options.events, skip))
    row: dict[str, Any] = {
        "encoding": "avro" if avro else "json",
        "misstep_per_s": round(statistics.median(ours)),
        "raw_per_s": round(statistics.median(raw)),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, raw, strict=True)), 2),
        "validated_per_s": round(statistics.median(validated)) if validated else None,
        "ratio_to_validated": (
            round(statistics.median(a / b for a, b in zip(ours, validated, strict=True)), 2) if validated else None
        ),
        "ratios": [round(a / b, 2) for a, b in zip(ours, raw, strict=True)],
    }
    if not options.no_latency:
        row["latency_p50_ms"], row["latency_p99_ms"] = (round(value, 1) for value in percentiles(took))
    return row


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    columns = ("misstep/s", "raw/s", "ratio", "validated/s", "ratio", "p50 ms", "p99 ms")
    keys = ("misstep_per_s", "raw_per_s", "ratio", "validated_per_s", "ratio_to_validated")
    keys += ("latency_p50_ms", "latency_p99_ms")
    lines = [f"{'':6}" + "".join(f"{column:>13}" for column in columns)]
    for row in report["rows"]:
        shown = ("-" if row.get(key) is None else f"{row[key]:,}" for key in keys)
        lines.append(f"{row['encoding']:6}" + "".join(f"{value:>13}" for value in shown))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
