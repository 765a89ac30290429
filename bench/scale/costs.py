"""What the parts of the work cost: a turn, a transaction, a partition touched by one, a kilobyte, an idle second.

Solved from runs that have them in different proportions: nothing to do; one case at a time; transactions as large as
they get, over few partitions and over many; long histories. CPU comes from /proc, so a machine that is busy with other
things moves these figures far less than it moves rates. The model (`simulate.py`) is made of them.

    python bench/scale/costs.py [--cases 10000] [--seconds 10] [--no-carry]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

import chain
import load
import processes
from confluent_kafka import Producer
from fit import non_negative
from measured import keep, keep_options
from run import Run, saturated, warm_up
from servers import BenchServers, bench_servers, server_options
from usage import cpu_s, machine_busy_s, native_cpu_s

from misstep.bus.config import publisher_config
from misstep.logs import configure_logs

FEW, MANY = 2, 16
TRICKLE_A_SECOND = 40
BUSIER_A_SECOND = (200, 400)
"""What the model is checked with; it is fitted to the trickle alone."""
LONG_LAPS = 10


def main() -> int:
    """Run the bench; prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10, help="of each slow part")
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True)
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        report = bench(servers, options)
    keep("costs" if options.carry else "costs_no_carry", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def bench(servers: BenchServers, options: argparse.Namespace) -> dict[str, Any]:
    """The runs, and what they come to."""
    warm_up(servers)
    slow = trickle(servers, options)
    runs = [
        saturated(servers, partitions=partitions, cases=options.cases, carry=options.carry)
        for partitions in (FEW, MANY)
    ]
    lapped = saturated(servers, partitions=FEW, cases=options.cases // LONG_LAPS, laps=LONG_LAPS, carry=options.carry)
    report: dict[str, Any] = {
        "paced": slow.pop("busier"),
        "trickle": slow,
        "saturated": [run.as_json() for run in runs],
        "long": lapped.as_json(),
        "carry": options.carry and processes.can_carry(),
    }
    for part, name in (("python", "python_us"), ("native", "native_us"), ("broker", "broker_us")):
        report[name] = solved(part, slow, runs)
    report["event_bytes"] = round(runs[0].stored_bytes_a_event)
    report["per_kilobyte"] = per_kilobyte(runs[0], lapped)
    return report


def trickle(servers: BenchServers, options: argparse.Namespace) -> dict[str, Any]:
    """A worker with nothing to do, then with one case now and then: CPU beside the idle, and how long a case takes."""
    topics = load.prepare(servers.kafka, FEW, chain.AGENTS)
    warm = load.Counter(servers.kafka, topics.outcomes)
    worker = processes.worker(servers.kafka, topics.namespace, "bench-0", row=chain.AGENTS, carry=options.carry)
    with worker as running:
        load.publish(servers.kafka, topics, chain.values(), 20)
        warm.wait_for(20)
        warm.close()
        time.sleep(2)

        def state() -> tuple[float, float, float]:
            whole, native = cpu_s(running.pid), native_cpu_s(running.pid)
            return whole - native, native, cpu_s(servers.kafka_pid)

        def over(act: Any) -> tuple[Any, float, list[float]]:
            before, began = state(), time.monotonic()
            done = act()
            took = time.monotonic() - began
            return done, took, [late - early for late, early in zip(state(), before, strict=True)]

        _, rested, resting = over(lambda: time.sleep(options.seconds))
        ended = load.Counter(servers.kafka, topics.outcomes, fetch_wait_ms=2)
        time.sleep(1)
        # The reader asks the broker all the time, so that it misses no moment: that is not the load's either.
        _, watched, watching = over(lambda: time.sleep(options.seconds / 2))
        took, lasted, spent = over(lambda: paced(servers.kafka, topics, ended, TRICKLE_A_SECOND, options.seconds))
    worker = processes.worker(servers.kafka, topics.namespace, "bench-0", row=chain.AGENTS, carry=options.carry)
    with worker as again:
        load.publish(servers.kafka, topics, chain.values(), 20, 20)
        ended.wait_for(40 + len(took))
        time.sleep(2)
        busier = []
        for rate in BUSIER_A_SECOND:
            before_s, at, ours_s = machine_busy_s(), time.monotonic(), cpu_s(again.pid) + cpu_s(servers.kafka_pid)
            sorted_ms = sorted(paced(servers.kafka, topics, ended, rate, options.seconds / 2))
            ours_s = cpu_s(again.pid) + cpu_s(servers.kafka_pid) - ours_s
            others = max(0.0, machine_busy_s() - before_s - ours_s) / (time.monotonic() - at)
            busier.append({"cases_s": rate, **percentiles(sorted_ms), "others_cores": round(others, 2)})
    ended.close()
    load.tidy(servers.kafka, topics)
    cases = len(took)
    said = running.said
    commits = max(1.0, said["misstep_commit_seconds_count"])
    took.sort()
    return {
        "cases_s": TRICKLE_A_SECOND,
        "turns_a_transaction": round(said["misstep_commit_turns_sum"] / commits, 2),
        "commit_ms": round(1000 * said["misstep_commit_seconds_sum"] / commits, 2),
        **percentiles(took),
        "busier": busier,
        "idle_us_a_second": {part: round(1e6 * used / rested) for part, used in zip(PARTS, resting, strict=True)},
        "us_a_turn": {
            part: round(1e6 * max(0.0, used - idle * lasted / watched) / (cases * chain.AGENTS), 1)
            for part, used, idle in zip(PARTS, spent, watching, strict=True)
        },
    }


PARTS = ("python", "native", "broker")


def percentiles(sorted_ms: Sequence[float]) -> dict[str, float]:
    """p50 and p99."""
    last = len(sorted_ms) - 1
    return {
        "p50_ms": round(statistics.median(sorted_ms), 1),
        "p99_ms": round(sorted_ms[min(last, len(sorted_ms) * 99 // 100)], 1),
    }


def paced(bootstrap: str, topics: Any, ended: load.Counter, per_second: float, seconds: float) -> list[float]:
    """Publish at a steady rate; milliseconds of each case, from the call to produce until its outcome is visible."""
    producer = Producer(publisher_config(bootstrap, **{"linger.ms": 0}))
    values, run = chain.values(), uuid.uuid4().hex[:6]
    sent: dict[bytes, float] = {}
    took: list[float] = []
    all_back = threading.Event()
    total = int(per_second * seconds)

    def came(keys: Sequence[bytes]) -> None:
        now = time.perf_counter()
        took.extend((now - at) * 1000 for key in keys if (at := sent.pop(key, None)) is not None)
        if len(took) >= total:
            all_back.set()

    ended.on_keys = came
    began = time.perf_counter()
    for number in range(total):
        while time.perf_counter() < began + number / per_second:
            producer.poll(0.0005)
        key = f"{run}-{number}".encode()
        sent[key] = time.perf_counter()
        producer.produce(topics.cases, next(values), key)
    producer.flush(30)
    if not all_back.wait(load.IDLE_LIMIT_S):
        raise SystemExit(f"{total - len(took)} of {total} cases did not end")
    ended.on_keys = None
    return took


def solved(part: str, slow: dict[str, Any], runs: Sequence[Run]) -> dict[str, float]:
    """Microseconds of a turn, a transaction, and a partition of a topic that a transaction touches."""
    idle_us_s = slow["idle_us_a_second"][part]

    def of(run: Run) -> float:
        used = {
            "python": run.worker_us_a_turn - run.native_us_a_turn,
            "native": run.native_us_a_turn,
            "broker": run.broker_us_a_turn,
        }[part]
        return max(0.0, used - idle_us_s / run.turns_s)

    rows = [
        (1.0, 1 / slow["turns_a_transaction"], chain.touched(1, FEW) / slow["turns_a_transaction"]),
        *(
            (
                1.0,
                1 / run.turns_a_transaction,
                chain.touched(run.turns_a_transaction / chain.AGENTS, run.partitions) / run.turns_a_transaction,
            )
            for run in runs
        ),
    ]
    wanted = [slow["us_a_turn"][part], *map(of, runs)]
    turn, transaction, touched = non_negative(rows, wanted)
    return {"turn": round(turn, 1), "transaction": round(transaction), "touched": round(touched, 1)}


def per_kilobyte(short: Run, lapped: Run) -> dict[str, float]:
    """Microseconds that a turn takes longer for each kilobyte that its event is longer."""
    kilobytes = max(0.001, (lapped.stored_bytes_a_event - short.stored_bytes_a_event) / 1000)
    return {
        "worker_us": round(max(0.0, lapped.worker_us_a_turn - short.worker_us_a_turn) / kilobytes, 1),
        "broker_us": round(max(0.0, lapped.broker_us_a_turn - short.broker_us_a_turn) / kilobytes, 1),
        "bytes_a_turn_of_history": round(2 * 1000 * kilobytes / max(1, lapped.turns_a_case - short.turns_a_case), 1),
    }


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    slow = report["trickle"]
    lines = [f"{'us':10}{'a turn':>12}{'a transaction':>16}{'a partition':>14}{'an idle second':>16}"]
    lines += [
        f"{part:10}{found['turn']:>12}{found['transaction']:>16,}{found['touched']:>14}"
        f"{slow['idle_us_a_second'][part]:>16,}"
        for part in PARTS
        for found in [report[f"{part}_us"]]
    ]
    lines.append(
        f"one case at a time: {slow['p50_ms']} / {slow['p99_ms']} ms p50/p99, a commit {slow['commit_ms']} ms, "
        f"{slow['turns_a_transaction']} turns in a transaction; {report['event_bytes']} bytes an event"
    )
    return "\n".join([*lines, json.dumps(report["per_kilobyte"])])


if __name__ == "__main__":
    sys.exit(main())
