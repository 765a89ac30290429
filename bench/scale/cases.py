"""What a case costs: over how many cases there are, and over how long their histories are.

The first table should be flat: nothing may grow with the number of cases. The second may not: every event carries the
history of its case, about 25 bytes a turn, and reads it.

    python bench/scale/cases.py [--cases 1000,10000,100000] [--million] [--turns 5,25,50,100] [--no-carry]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import chain
from measured import keep, keep_options
from run import Run, saturated, warm_up
from servers import BenchServers, bench_servers, server_options
from workers import numbers

from misstep.logs import configure_logs

MILLION = 1_000_000
TURNS_A_RUN = 40_000
"""About so many turns for each length of history."""
COLUMNS = ("cases", "turns each", "cases/s", "worker us/turn", "broker us/turn", "bytes/event", "worker MB")


def main() -> int:
    """Run the bench; prints two tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=numbers, default=[1_000, 10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="a million cases too: about a quarter of an hour")
    parser.add_argument("--turns", type=numbers, default=[5, 25, 50, 100], help="turns of a case; by fives")
    parser.add_argument("--turns-a-run", type=int, default=TURNS_A_RUN)
    parser.add_argument("--carry", action=argparse.BooleanOptionalAction, default=True)
    server_options(parser)
    keep_options(parser)
    options = parser.parse_args()
    configure_logs("error")
    with bench_servers(options) as servers:
        warm_up(servers)
        by_number = [
            said(saturated(servers, cases=cases, carry=options.carry))
            for cases in [*options.cases, *([MILLION] if options.million else [])]
        ]
        by_history = [said(with_history(servers, turns, options)) for turns in options.turns]
    report = {
        "by_number": [run.as_json() for run in by_number],
        "by_history": [run.as_json() for run in by_history],
    }
    keep("cases" if options.carry else "cases_no_carry", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table((by_number, by_history)))
    return 0


def with_history(servers: BenchServers, turns: int, options: argparse.Namespace) -> Run:
    """Cases of so many turns: the five agents, lap after lap."""
    laps = max(1, turns // chain.AGENTS)
    return saturated(servers, cases=options.turns_a_run // (laps * chain.AGENTS), laps=laps, carry=options.carry)


def said(run: Run) -> Run:
    """The run, told while the others go on."""
    print(row(run), file=sys.stderr, flush=True)
    return run


def row(run: Run) -> str:
    """One line of a table."""
    figures = (
        f"{run.cases:,}", f"{run.turns_a_case:g}", f"{run.cases_s:,.0f}", f"{run.worker_us_a_turn:.0f}",
        f"{run.broker_us_a_turn:.0f}", f"{run.stored_bytes_a_event:,.0f}", f"{run.resident_mb:.0f}",
    )  # fmt: skip
    return "".join(f"{figure:>16}" for figure in figures)


def table(parts: Sequence[Sequence[Run]]) -> str:
    """The report as text."""
    head = "".join(f"{column:>16}" for column in COLUMNS)
    return "\n\n".join("\n".join([head, *map(row, runs)]) for runs in parts)


if __name__ == "__main__":
    sys.exit(main())
