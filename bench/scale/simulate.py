"""The model beside what was measured, and the model of layouts that no one machine can be.

First the check: the model gets the costs of single parts (`costs.py`, `sink.py`) and must come to the rates that whole
runs had (`workers.py`) and to the latencies of loads that it was not fitted to. Exit code 1 when one lies further off
than is stated. Then the layouts: a million cases an hour, a billion a day.

    python bench/scale/simulate.py [--markdown] [--write docs/scaling.md] [--measured FILE]
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import arithmetic
import chain
from arithmetic import Needs, needs
from measured import FILE, read
from model import Costs, Layout, Model, Outcome

RATE_ERROR: Final = 0.35
"""How far a simulated rate may lie off the measured one, as a share of it; and the middle one of all of them:"""
MIDDLE_ERROR: Final = 0.2
LATENCY_ERROR: Final = 0.5
"""The same for the median latency of a load that the model was not fitted to."""
OTHERS_CORES: Final = 0.6
"""Latencies are compared where others used no more of the machine, this bench's own reader and publisher included."""
SECONDS: Final = 6.0
PARTS: Final = ("audit", "costs", "sink", "storage", "workers")
BEGIN, END = "<!-- simulated -->", "<!-- /simulated -->"
LOADS: Final = (("a million cases an hour", 1e6 / 3_600), ("a hundred million a day", 1e8 / 86_400),
                ("a billion cases a day", 1e9 / 86_400))  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """One figure, measured and simulated."""

    what: str
    measured: float
    simulated: float
    allowed: float

    @property
    def off(self) -> float:
        """As a share of the measured."""
        return self.simulated / self.measured - 1

    @property
    def holds(self) -> bool:
        return abs(self.off) <= self.allowed


def main() -> int:
    """Check the model, then let it run; prints text or the document's tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", type=Path, default=FILE)
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/scaling.md")
    parser.add_argument("--write", type=Path, metavar="DOC", help="put the tables into this document")
    options = parser.parse_args()
    measured = read(options.measured)
    missing = [part for part in PARTS if part not in measured]
    if missing:
        print(f"{options.measured} has no {', '.join(missing)}: run bench/scale/{missing[0]}.py first", file=sys.stderr)
        return 2
    checked = check(measured)
    if options.write:
        text = options.write.read_text("utf-8")
        options.write.write_text(with_tables(text, markdown(measured, checked)), "utf-8")
    elif options.markdown:
        print(markdown(measured, checked))
    if options.write or not options.markdown:
        print(plain(checked))
    return 0 if sound(checked) else 1


def sound(checked: list[Checked]) -> bool:
    """Every figure is within what is stated, and the middle of the rates is near."""
    return all(one.holds for one in checked) and middle(checked) <= MIDDLE_ERROR


def middle(checked: list[Checked]) -> float:
    """The middle error of all figures."""
    off = sorted(abs(one.off) for one in checked)
    return off[len(off) // 2]


# -- from measured.json to the model's costs --------------------------------------------------------------------------


def costs_of(measured: dict[str, Any], name: str = "costs") -> Costs:
    """The model's costs. The two waits that are nobody's CPU are what is left of the latency of one case at a time."""
    found, sink = measured[name], measured["sink"]
    python, native, broker = (found[f"{part}_us"] for part in ("python", "native", "broker"))
    slow = found["trickle"]
    turns = slow["turns_a_transaction"]
    reached = chain.touched(1, 2)
    in_commit = sum(
        part["transaction"] + part["touched"] * reached + part["turn"] * (0 if part is python else turns)
        for part in (python, native, broker)
    ) / 1e6  # fmt: skip
    round_trip = max(0.0, slow["commit_ms"] / 1000 - in_commit)
    commits = max(1.0, chain.AGENTS / turns)
    left = slow["p50_ms"] / 1000 - commits * (in_commit + round_trip) - chain.AGENTS * python["turn"] / 1e6
    return Costs(
        python_turn=python["turn"] / 1e6,
        native_turn=native["turn"] / 1e6,
        broker_turn=broker["turn"] / 1e6,
        python_transaction=python["transaction"] / 1e6,
        native_transaction=native["transaction"] / 1e6,
        broker_transaction=broker["transaction"] / 1e6,
        python_touched=python["touched"] / 1e6,
        native_touched=native["touched"] / 1e6,
        broker_touched=broker["touched"] / 1e6,
        round_trip=round_trip,
        fetch=max(0.0, left / (commits + 1)),
        sink_row=sink["sink_us_a_row"] / 1e6,
        postgres_row=(sink["postgres_us_a_row"] or sink["sink_us_a_row"]) / 1e6,
    )


def slowed(costs: Costs, free: float) -> Costs:
    """The same work on a machine of which only this share is free."""
    waits = ("round_trip", "fetch")
    scaled = {
        name: getattr(costs, name) / (1 if name in waits else max(0.05, free)) for name in costs.__dataclass_fields__
    }
    return Costs(**scaled)


def cores_of(measured: dict[str, Any], name: str) -> int:
    """Of the machine that a bench ran on."""
    return int(measured[name]["machine"].split()[0])


# -- the check --------------------------------------------------------------------------------------------------------


def check(measured: dict[str, Any]) -> list[Checked]:
    """Every measured run beside the model's."""
    found = []
    for runs, costs in (("workers", "costs"), ("workers_no_carry", "costs_no_carry")):
        if runs in measured and costs in measured:
            found += list(_rates(measured, runs, costs))
            found += list(_latencies(measured, costs))
    return found


def _rates(measured: dict[str, Any], runs: str, costs: str) -> Iterator[Checked]:
    for run in measured[runs]["runs"]:
        layout = Layout(
            agents=run["agents"],
            partitions=run["partitions"],
            workers=max(1, run["workers_at_work"]),
            carry=run["carry"],
            machines=(cores_of(measured, runs),),
        )
        free = 1 - run["others_cores"] / layout.machines[0]
        outcome = Model(layout, slowed(costs_of(measured, costs), free)).flood(run["cases"])
        carrying = "" if run["carry"] else ", not carrying on"
        idle = "" if run["workers_at_work"] == run["workers"] else f" ({run['workers_at_work']} with work)"
        name = f"cases/s, {_count(run['workers'], 'worker')}{idle}, {_count(run['partitions'], 'partition')}{carrying}"
        yield Checked(name, run["cases_s"], outcome.cases_s, RATE_ERROR)


def _latencies(measured: dict[str, Any], costs: str) -> Iterator[Checked]:
    for run in quiet(measured[costs]):
        layout = Layout(carry=measured[costs]["carry"], machines=(cores_of(measured, costs),))
        outcome = Model(layout, costs_of(measured, costs)).load(run["cases_s"], SECONDS)
        carrying = "" if measured[costs]["carry"] else ", not carrying on"
        yield Checked(f"p50 ms at {run['cases_s']} cases/s{carrying}", run["p50_ms"], outcome.p50_ms, LATENCY_ERROR)


def quiet(costs: dict[str, Any]) -> list[dict[str, Any]]:
    """The paced runs of a machine that is known to have done little else: where many wait for a core, so do cases."""
    return [run for run in costs["paced"] if run.get("others_cores", OTHERS_CORES + 1) <= OTHERS_CORES]


# -- layouts ----------------------------------------------------------------------------------------------------------


def layout_of(need: Needs) -> Layout:
    """Machines for what a load needs: brokers, worker machines, sinks on machines of their own, Postgres servers."""
    brokers = [arithmetic.BROKER_CORES] * need.brokers
    workers = [arithmetic.WORKER_CORES] * need.worker_machines
    sinks = [1] * need.sinks
    postgres = [arithmetic.POSTGRES_CORES] * need.postgres
    places: list[tuple[int, ...]] = []
    machines: list[int] = []
    for group in (workers, brokers, sinks, postgres):
        places.append(tuple(range(len(machines), len(machines) + len(group))))
        machines += group
    return Layout(
        partitions=need.partitions,
        workers=need.workers,
        sinks=need.sinks,
        machines=tuple(machines),
        worker_machines=places[0],
        broker_machines=places[1],
        sink_machines=places[2],
        postgres_machines=places[3],
    )


def at_its_peak(need: Needs, costs: Costs) -> tuple[Layout, Outcome]:
    """The layout under the load of its busiest minutes. Replicas are work of the brokers as leaders are."""
    of_brokers = ("broker_turn", "broker_transaction", "broker_touched")
    replicated = replace(costs, **{name: getattr(costs, name) * arithmetic.REPLICAS for name in of_brokers})
    layout = layout_of(need)
    return layout, Model(layout, replicated).load(need.cases_s * arithmetic.PEAK, 3.0, warm_s=1.0)


# -- what is printed --------------------------------------------------------------------------------------------------


def plain(checked: list[Checked]) -> str:
    """The check as text."""
    lines = [f"{'':58}{'measured':>10}{'simulated':>11}{'off':>7}"]
    lines += [
        f"{one.what:58}{one.measured:>10,.1f}{one.simulated:>11,.1f}{one.off:>+7.0%}{'' if one.holds else '  outside'}"
        for one in checked
    ]
    said = "within" if sound(checked) else "outside"
    lines.append(
        f"middle error {middle(checked):.0%}; {said} what is stated: {RATE_ERROR:.0%} for each rate, "
        f"{LATENCY_ERROR:.0%} for each latency, {MIDDLE_ERROR:.0%} in the middle"
    )
    return "\n".join(lines)


def markdown(measured: dict[str, Any], checked: list[Checked]) -> str:
    """The document's tables."""
    costs = costs_of(measured)
    parts = [
        _costs_table(measured),
        _questions_table(measured["audit"]),
        _needs_table(measured, costs),
        _check_table(checked),
    ]
    if len(quiet(measured["costs"])) < len(measured["costs"]["paced"]):
        parts.append("The machine was busy with other things: latencies of loads were not compared.")
    return "\n\n".join(parts)


def with_tables(document: str, tables: str) -> str:
    """A document with the tables between its marks."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(document):
        raise SystemExit(f"the document has no {BEGIN} ... {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{tables}\n\n{END}", document)


def _costs_table(measured: dict[str, Any]) -> str:
    found, sink, audit, storage = (measured[name] for name in ("costs", "sink", "audit", "storage"))
    long = found["per_kilobyte"]
    rows = [
        ("a turn, of the worker's interpreter", f"{found['python_us']['turn']:.0f} us of CPU", "costs.py"),
        ("a turn, of the Kafka client's own threads", f"{found['native_us']['turn']:.0f} us", "costs.py"),
        ("a turn, of the broker", f"{found['broker_us']['turn']:.0f} us", "costs.py"),
        (
            "a transaction, of worker and broker",
            f"{sum(found[f'{part}_us']['transaction'] for part in ('python', 'native', 'broker')):,.0f} us",
            "costs.py",
        ),
        (
            "a partition that a transaction touches",
            f"{sum(found[f'{part}_us']['touched'] for part in ('python', 'native', 'broker')):.0f} us",
            "costs.py",
        ),
        (
            "a second of a worker with nothing to do",
            f"{found['trickle']['idle_us_a_second']['broker'] / 1000:.0f} ms of the broker",
            "costs.py",
        ),
        ("a kilobyte more in an event", f"{long['worker_us']:.0f} us of the worker", "costs.py"),
        ("a turn in the history of a case", f"{long['bytes_a_turn_of_history']:.0f} bytes in each event", "costs.py"),
        ("a case, alone on the machine, five agents", f"{found['trickle']['p50_ms']} ms from end to end", "costs.py"),
        ("a row of the audit, of the sink", f"{sink['sink_us_a_row']:.0f} us", "sink.py"),
        ("a row of the audit, of Postgres", f"{sink['postgres_us_a_row'] or 0:.0f} us", "sink.py"),
        ("an event in Kafka", f"{storage['none']:,} bytes; {storage['lz4']} with lz4, {storage['zstd']} with zstd",
         "storage.py"),
        ("a row in Postgres", f"{audit['bytes_a_row']} bytes, {audit['index_bytes_a_row']} of indices", "audit.py"),
    ]  # fmt: skip
    return _table(("one of", "costs", "measured by"), [(*row[:2], f"`{row[2]}`") for row in rows])


def _questions_table(audit: dict[str, Any]) -> str:
    rows = [
        (
            f"`misstep {one['question'].partition(',')[0]}`{''.join(one['question'].partition(',')[1:])}",
            f"{one['p50_ms']:,.0f} ms",
            f"{one['p95_ms']:,.0f} ms",
            f"{one['aim_ms']:,.0f} ms" if one["aim_ms"] else "",
        )
        for one in audit["questions"]
    ]
    asked = f"asked of {audit['rows']:,} rows, {audit['rows_of_the_last_day']:,} of them of the last day"
    return _table((asked, "p50", "p95", "aim"), rows)


def _needs_table(measured: dict[str, Any], costs: Costs) -> str:
    found = [needs(name, cases_s, costs, measured) for name, cases_s in LOADS]
    simulated = [at_its_peak(need, costs) for need in found]
    rows: list[tuple[str, ...]] = [
        ("cases a second, on average", *(f"{one.cases_s:,.0f}" for one in found)),
        ("events a second, at the peak", *(f"{one.events_s:,.0f}" for one in found)),
        ("worker processes", *(f"{one.workers:,}" for one in found)),
        (f"on machines of {arithmetic.WORKER_CORES} cores", *(f"{one.worker_machines:,}" for one in found)),
        ("partitions of each topic", *(f"{one.partitions:,}" for one in found)),
        (f"brokers of {arithmetic.BROKER_CORES} cores", *(f"{one.brokers:,}" for one in found)),
        ("sinks", *(f"{one.sinks:,}" for one in found)),
        (f"Postgres servers of {arithmetic.POSTGRES_CORES} cores and {arithmetic.POSTGRES_TB:.0f} TB",
         *(f"{one.postgres:,}" for one in found)),
        (f"Kafka, {arithmetic.KAFKA_DAYS} days, {arithmetic.REPLICAS} copies, plain",
         *(f"{one.kafka_plain_tb:,.1f} TB" for one in found)),
        ("the same with zstd", *(f"{one.kafka_tb:,.1f} TB" for one in found)),
        ("Postgres, a day", *(f"{one.postgres_tb_a_day:,.2f} TB" for one in found)),
        (f"Postgres, {arithmetic.POSTGRES_DAYS} days", *(f"{one.postgres_tb:,.1f} TB" for one in found)),
        ("simulated at the peak: cases a second", *(f"{one.cases_s:,.0f}" for _, one in simulated)),
        ("p50 / p99 of a case", *(f"{one.p50_ms:.0f} / {one.p99_ms:.0f} ms" for _, one in simulated)),
        ("busiest worker machine", *(f"{_busiest(layout.worker_machines, one):.0%}" for layout, one in simulated)),
        ("busiest broker", *(f"{_busiest(layout.broker_machines, one):.0%}" for layout, one in simulated)),
        ("busiest sink", *(f"{_busiest(layout.sink_machines, one):.0%}" for layout, one in simulated)),
        ("busiest Postgres", *(f"{_busiest(layout.postgres_machines, one):.0%}" for layout, one in simulated)),
    ]  # fmt: skip
    return _table(("", *(one.name for one in found)), rows)


def _busiest(places: tuple[int, ...], outcome: Outcome) -> float:
    return max(outcome.busy[at] for at in places)


def _check_table(checked: list[Checked]) -> str:
    rows = [(one.what, f"{one.measured:,.0f}", f"{one.simulated:,.0f}", f"{one.off:+.0%}") for one in checked]
    return _table(("", "measured", "simulated", "off"), rows) + (
        f"\n\nMiddle error {middle(checked):.0%}. Stated: {RATE_ERROR:.0%} for a rate, {LATENCY_ERROR:.0%} for a "
        f"latency, {MIDDLE_ERROR:.0%} in the middle."
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"


if __name__ == "__main__":
    sys.exit(main())
