"""Rate over worker processes and partitions: five plain agents in a row over real loans, everything exactly once.

Each cell is a run of its own: the workers stand ready, then all cases come at once. On one machine workers and broker
share the cores, so beside the rate stands what a turn costs each of them: that is what adds up on more machines.

    python bench/scale/workers.py [--workers 1,2,4] [--partitions 1,2,4,8,16,32] [--cases 10000] [--no-carry]
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from measured import keep, keep_options
from run import Run, saturated, warm_up
from servers import BenchServers, bench_servers, server_options

from misstep.logs import configure_logs

COLUMNS = (
    "workers",
    "with work",
    "partitions",
    "cases/s",
    "turns/s",
    "worker us/turn",
    "broker us/turn",
    "turns/tx",
    "commit ms",
)


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=numbers, default=[1, 2, 4])
    parser.add_argument("--partitions", type=numbers, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--cases", type=int, default=10_000, help="of each run")
    parser.add_argument(
        "--carry", action=argparse.BooleanOptionalAction, default=True, help="one transaction, many turns"
    )
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        runs = bench(servers, options)
    report = {"runs": [run.as_json() for run in runs]}
    keep("workers" if options.carry else "workers_no_carry", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(runs))
    return 0


def bench(servers: BenchServers, options: argparse.Namespace) -> list[Run]:
    """Every number of workers over every number of partitions that gives each of them one."""
    warm_up(servers)
    runs = []
    for partitions in options.partitions:
        for workers in options.workers:
            if workers > partitions:
                continue
            run = saturated(servers, workers=workers, partitions=partitions, cases=options.cases, carry=options.carry)
            runs.append(run)
            print(row(run), file=sys.stderr, flush=True)
    return runs


def numbers(text: str) -> list[int]:
    """`1,2,4` as numbers."""
    return [int(one) for one in text.split(",")]


def row(run: Run) -> str:
    """One line of the table."""
    figures: tuple[Any, ...] = (
        run.workers, run.workers_at_work, run.partitions, f"{run.cases_s:,.0f}", f"{run.turns_s:,.0f}",
        f"{run.worker_us_a_turn:.0f}", f"{run.broker_us_a_turn:.0f}", f"{run.turns_a_transaction:.0f}",
        f"{run.commit_ms:.1f}",
    )  # fmt: skip
    return "".join(f"{figure:>15}" for figure in figures)


def table(runs: list[Run]) -> str:
    """The report as text."""
    return "\n".join(["".join(f"{column:>15}" for column in COLUMNS), *map(row, runs)])


if __name__ == "__main__":
    sys.exit(main())
