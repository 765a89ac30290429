"""Memory of one worker over a million events: resident memory is sampled, and should stop growing.

python bench/scale/memory.py [--events 1000000] [--no-carry]
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
from usage import MemorySamples

from misstep.logs import configure_logs

EVENTS_A_CASE = chain.AGENTS + 2
AHEAD_CASES = 20_000
"""So many cases wait at most: what a worker keeps must not depend on it, but the disk does."""
MARKS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True)
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        report = bench(servers, options)
    keep("memory", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0


def bench(servers: BenchServers, options: argparse.Namespace) -> dict[str, Any]:
    """One worker, and cases published as it goes."""
    topics = load.prepare(servers.kafka, options.partitions, chain.AGENTS)
    cases = options.events // EVENTS_A_CASE
    values = chain.values()
    ended = load.Counter(servers.kafka, topics.outcomes)
    with (
        processes.worker(servers.kafka, topics.namespace, "bench-0", row=chain.AGENTS, carry=options.carry) as worker,
        MemorySamples(worker.pid, lambda: ended.seen * EVENTS_A_CASE) as memory,
    ):
        published = 0
        while published < cases:
            step = min(AHEAD_CASES // 4, cases - published)
            load.publish(servers.kafka, topics, values, step, published)
            published += step
            print(f"{ended.seen * EVENTS_A_CASE:,} events", file=sys.stderr, flush=True)
            while published - ended.seen > AHEAD_CASES:
                time.sleep(0.1)
        ended.wait_for(cases)
    ended.close()
    load.tidy(servers.kafka, topics)
    samples = memory.samples
    at = {f"{mark:.0%}": _at(samples, int(cases * EVENTS_A_CASE * mark)) for mark in MARKS}
    return {
        "events": cases * EVENTS_A_CASE,
        "most_mb": round(max(mb for *_, mb in samples), 1),
        "mb_at": at,
        "second_half_mb": round(at["100%"] - at["50%"], 1),
        "samples": len(samples),
    }


def _at(samples: list[tuple[float, int, float]], events: int) -> float:
    """MB when so many events were through."""
    return round(next((mb for _, through, mb in samples if through >= events), samples[-1][2]), 1)


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    lines = [f"{report['events']:,} events; at most {report['most_mb']} MB"]
    lines += [f"{mark:>6} {mb:>8} MB" for mark, mb in report["mb_at"].items()]
    return "\n".join([*lines, f"second half: {report['second_half_mb']:+} MB"])


if __name__ == "__main__":
    sys.exit(main())
