"""`why`, `taxonomy` and `dlq group` on ten million rows of the audit, in real Postgres.

A few thousand cases run through a real worker and a real audit sink; what the sink wrote is multiplied inside Postgres
(`multiply.py`) over thirty days. Then the functions behind the commands are called, each call with its own connection,
as a command makes it. Aims: p95 under 100 ms for one case, under 1 s for a day's taxonomy and for the groups of dead
letters. Exit code 1 when one is missed.

    python bench/scale/audit.py [--rows 10000000] [--days 30] [--calls 200] [--cold] [--explain] [--json]

Always on servers of its own, which are stopped afterwards; ten million rows take about 20 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import chain
import load
import processes
from measured import keep, keep_options
from multiply import multiply
from servers import BenchServers, bench_servers

from misstep.errors import AnswerIsNo
from misstep.logs import configure_logs
from misstep.store.connect import asking
from misstep.store.letters import Selection, group_letters
from misstep.store.migrate import migrate
from misstep.store.taxonomy import TAXONOMY_SQL, taxonomy
from misstep.store.taxonomy_compare import COMPARED_BY, compare
from misstep.store.why import case_story

PARTITIONS = 2
WHY_MS, TAXONOMY_MS, GROUP_MS = 100.0, 1_000.0, 1_000.0
FEW = 10
"""Calls of what takes longer than a case does."""


def main() -> int:
    """Run the bench; prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--days", type=float, default=30, help="over how many days they are spread")
    parser.add_argument("--real", type=int, default=2_000, help="cases that really run and are multiplied")
    parser.add_argument("--calls", type=int, default=200, help="cases that are asked for")
    parser.add_argument("--cold", action="store_true", help="once more with nothing of Postgres's files in memory")
    parser.add_argument("--explain", action="store_true", help="print Postgres's plans")
    keep_options(parser)
    options = parser.parse_args()
    options.kafka = options.postgres = None
    configure_logs("error")
    with bench_servers(options) as servers:
        report = bench(servers, options)
    keep("audit", report, options.keep)
    print(json.dumps(report, indent=2) if options.json else table(report))
    return 0 if all(row["met"] for row in report["questions"] if row["aim_ms"]) else 1


def bench(servers: BenchServers, options: argparse.Namespace) -> dict[str, Any]:
    """Fill the tables and ask."""
    migrate(servers.postgres)
    topics = load.prepare(servers.kafka, PARTITIONS, chain.AGENTS)
    run_real(servers, topics, options.real)
    with asking(servers.postgres) as connection:
        took = multiply(connection, topics.namespace, options.rows, options.days, _say)
        rows = _count(connection, "SELECT count(*) FROM case_turns")
        sizes = _sizes(connection)
        cases = [
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT case_id FROM case_turns TABLESAMPLE SYSTEM (0.5) WHERE case_id LIKE '%%-%%-%%'"
            )
        ]
        letters = _count(connection, "SELECT count(*) FROM dead_letters")
        groups = _count(connection, "SELECT count(DISTINCT fingerprint) FROM dead_letters")
        day = _count(connection, "SELECT count(*) FROM case_turns WHERE occurred_at > now() - interval '24 hours'")
        if options.explain:
            _explain(connection, topics.namespace)
    random.seed(1)
    report: dict[str, Any] = {
        "rows": rows,
        "rows_of_the_last_day": day,
        "letters": letters,
        "groups_of_letters": groups,
        "days": options.days,
        **took,
        **sizes,
        "questions": questions(servers, topics.namespace, cases, options),
    }
    if options.cold:
        report["cold"] = questions(servers, topics.namespace, cases, options, before=lambda: forget_files(servers))
    return report


def run_real(servers: BenchServers, topics: Any, cases: int) -> None:
    """Real cases through a real worker and a real sink."""
    load.publish(servers.kafka, topics, chain.values(mixed=True), cases)
    _say(f"{cases:,} cases through a worker and the audit sink ...")
    with (
        processes.worker(servers.kafka, topics.namespace, "bench-0", row=chain.AGENTS),
        processes.sink(servers.kafka, servers.postgres, topics.namespace, row=chain.AGENTS),
        asking(servers.postgres) as connection,
    ):
        until = time.monotonic() + 120
        while _count(connection, "SELECT count(*) FROM case_turns WHERE kind = 'outcome'") < cases:
            if time.monotonic() > until:
                raise SystemExit("the cases did not end, or the audit sink does not run")
            time.sleep(0.2)
        time.sleep(1.0)  # what was written beside the last outcome


def questions(
    servers: BenchServers,
    namespace: str,
    cases: list[str],
    options: argparse.Namespace,
    before: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """What is asked, how often, how long it took, and what it should have taken. before: done before each call."""
    dsn, cold = servers.postgres, before is not questions.__defaults__[0]  # type: ignore[index]
    calls = FEW if cold else options.calls
    chosen = [random.choice(cases) for _ in range(calls)]
    real = [f"case-{random.randrange(options.real):07}" for _ in range(calls)]
    few = range(FEW)

    def missing(case: str) -> None:
        try:
            case_story(dsn, namespace, f"{case}9x")
        except AnswerIsNo:
            return
        raise SystemExit("a case that is not there was found")

    def grouped(_: int) -> None:
        with asking(dsn) as connection:
            group_letters(connection, Selection(namespace), 50)

    def verified(case: str) -> None:
        if not case_story(dsn, namespace, case, bootstrap_servers=servers.kafka).verified:
            raise SystemExit(f"case {case} did not verify")

    asked: list[tuple[str, Callable[[Any], Any], Any, float | None]] = [
        ("why CASE, from the audit", lambda case: case_story(dsn, namespace, case), chosen, WHY_MS),
        ("why CASE, each event read back from Kafka", verified, real, WHY_MS),
        ("why CASE, and there is none", missing, chosen[:FEW], WHY_MS),
        ("taxonomy --since 24h", lambda _: taxonomy(dsn, namespace, timedelta(days=1)), few, TAXONOMY_MS),
        ("taxonomy --since 1h", lambda _: taxonomy(dsn, namespace, timedelta(hours=1)), few, None),
        (
            "taxonomy --since 24h --compare",
            lambda _: compare(dsn, namespace, timedelta(days=1), None, COMPARED_BY),
            few,
            None,
        ),
        ("dlq group", grouped, few, GROUP_MS),
    ]
    return [_timed(name, act, given, aim, before) for name, act, given, aim in asked]


def _timed(
    name: str, act: Callable[[Any], Any], given: Any, aim: float | None, before: Callable[[], None]
) -> dict[str, Any]:
    took = []
    for one in given:
        before()
        began = time.perf_counter()
        act(one)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    p95 = took[min(len(took) - 1, len(took) * 95 // 100)]
    return {
        "question": name,
        "calls": len(took),
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(p95, 1),
        "aim_ms": aim,
        "met": aim is None or p95 <= aim,
    }


def forget_files(servers: BenchServers) -> None:
    """Let the kernel drop what it holds of Postgres's files, and of nobody else's; shared buffers stay."""
    directory = Path(f"/proc/{servers.postgres_pid}/cwd").resolve()
    for path in (directory / "base").rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _explain(connection: Any, namespace: str) -> None:
    given = {"namespace": namespace, "since": timedelta(days=1), "workflow": None}
    for line in connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {TAXONOMY_SQL}", given):
        print(line[0], file=sys.stderr)


def _sizes(connection: Any) -> dict[str, float]:
    heap, indices = connection.execute(
        "SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits "
        "WHERE inhparent = 'case_turns'::regclass"
    ).fetchone()
    rows = _count(connection, "SELECT count(*) FROM case_turns")
    return {
        "table_gb": round(float(heap) / 1e9, 2),
        "indices_gb": round(float(indices) / 1e9, 2),
        "bytes_a_row": round(float(heap) / rows),
        "index_bytes_a_row": round(float(indices) / rows),
    }


def _count(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    lines = [
        f"{report['rows']:,} rows over {report['days']:g} days ({report['rows_of_the_last_day']:,} in the last one), "
        f"{report['table_gb']} GB and {report['indices_gb']} GB of indices; {report['letters']:,} dead letters in "
        f"{report['groups_of_letters']:,} groups",
        f"{'':44}{'calls':>7}{'p50 ms':>10}{'p95 ms':>10}{'aim':>8}",
    ]
    for title, rows in (("", report["questions"]), ("with no file in memory", report.get("cold", []))):
        lines += [title] * bool(title and rows)
        for row in rows:
            aim = f"{row['aim_ms']:g}" if row["aim_ms"] else ""
            missed = "" if row["met"] else "  missed"
            lines.append(
                f"{row['question']:44}{row['calls']:>7}{row['p50_ms']:>10,}{row['p95_ms']:>10,}{aim:>8}{missed}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
