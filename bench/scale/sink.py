"""The audit sink beside the hop: events/s that one worker makes, rows/s that one sink writes, and both at once.

A worker takes the cases to their end; then a sink writes what there is, alone; then both work at the same time on new
cases, on the same cores. What a row costs the sink and Postgres is measured in the second part.

    python bench/scale/sink.py [--cases 10000] [--partitions 2] [--no-carry]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import chain
import load
import processes
from measured import keep, keep_options
from servers import BenchServers, bench_servers, server_options
from usage import family_cpu_s

from misstep.logs import configure_logs
from misstep.store.connect import asking
from misstep.store.migrate import migrate

WRITTEN = "SELECT count(*) FROM case_turns WHERE namespace = %s"
SKIP = 0.15
PATIENCE_S = 300


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True)
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        report = bench(servers, options)
    keep("sink", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def bench(servers: BenchServers, options: argparse.Namespace) -> dict[str, Any]:
    """Worker alone, sink alone, both."""
    migrate(servers.postgres)
    topics = load.prepare(servers.kafka, options.partitions, chain.AGENTS)
    namespace, kafka = topics.namespace, servers.kafka
    values = chain.values()
    ended = load.Counter(kafka, topics.outcomes)
    load.publish(kafka, topics, values, options.cases)
    with processes.worker(kafka, namespace, "bench-0", row=chain.AGENTS, carry=options.carry):
        ended.wait_for(options.cases)
    hop = ended.rate() * (chain.AGENTS + 2)
    _say(f"one worker: {hop:,.0f} events/s")

    events = options.cases * (chain.AGENTS + 2)
    before = family_cpu_s(servers.postgres_pid)
    with processes.sink(kafka, servers.postgres, namespace, row=chain.AGENTS) as sink:
        alone = written(servers.postgres, namespace, events)
        sink_s = sink.worked_s
    postgres_s = family_cpu_s(servers.postgres_pid) - before
    _say(f"one sink: {load.span_rate(alone, SKIP, 0.02):,.0f} rows/s")

    load.publish(kafka, topics, values, options.cases, options.cases)
    began = time.monotonic()
    with (
        processes.worker(kafka, namespace, "bench-0", row=chain.AGENTS, carry=options.carry),
        processes.sink(kafka, servers.postgres, namespace, row=chain.AGENTS),
    ):
        ended.wait_for(2 * options.cases)
        worker_took = time.monotonic() - began
        both = written(servers.postgres, namespace, 2 * events)
        sink_took = time.monotonic() - began
    ended.close()
    load.tidy(kafka, topics)
    rows = load.span_rate(alone, SKIP, 0.02)
    return {
        "cases": options.cases,
        "hop_events_s": round(hop),
        "sink_rows_s": round(rows),
        "ratio": round(rows / hop, 2),
        "sink_us_a_row": round(1e6 * sink_s / events, 1),
        "postgres_us_a_row": round(1e6 * postgres_s / events, 1) if servers.postgres_pid else None,
        "together_events_s": round(events / worker_took),
        "sink_behind_at_the_end_s": round(sink_took - worker_took, 2),
        "rows_in_the_end": both[-1][1],
    }


def written(dsn: str, namespace: str, rows: int) -> list[tuple[float, int]]:
    """(monotonic seconds, rows) until so many are written. SystemExit when they do not come."""
    steps: list[tuple[float, int]] = []
    until = time.monotonic() + PATIENCE_S
    with asking(dsn) as connection:
        while not steps or steps[-1][1] < rows:
            if time.monotonic() > until:
                raise SystemExit(f"only {steps[-1][1]} of {rows} rows were written in {PATIENCE_S} s")
            time.sleep(0.25)
            found = connection.execute(WRITTEN, [namespace]).fetchone()
            steps.append((time.monotonic(), found[0] if found else 0))
    return steps


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    return "\n".join(f"{name.replace('_', ' '):28}{value:>12,}" for name, value in report.items() if value is not None)


if __name__ == "__main__":
    sys.exit(main())
