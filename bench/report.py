"""bench/RESULTS.md and its plots, from what the race has measured (bench/.peers/results). Nothing in it is typed in.

python bench/report.py
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.contestants import CONTESTANTS
from peers.environments import HOME, TEMPORAL_CLI, version_of
from peers.plots import Bar, bars
from peers.saga_measures import SAGA_CONTESTANTS

HERE = Path(__file__).resolve().parent
BASE = "raw"
"""The contestant of the hop that the others are compared with."""

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Aim:
    """One aim of the issue: `found` is to be at least, or at most, `wanted`."""

    what: str
    found: float | None
    wanted: float
    unit: str
    at_least: bool

    @property
    def met(self) -> bool | None:
        """None: not measured."""
        if self.found is None:
            return None
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted

    def row(self) -> str:
        sign = ">=" if self.at_least else "<="
        found = "not measured" if self.found is None else f"{_number(self.found)} {self.unit}".strip()
        return f"| {self.what} | {sign} {_number(self.wanted)} {self.unit} | {found} | {self._verdict()} |"

    def _verdict(self) -> str:
        if self.met is None or self.found is None:
            return "-"
        if self.met:
            return "met"
        if not self.wanted:
            return f"**missed** by {_number(abs(self.found))}"
        off = abs(self.found - self.wanted) / self.wanted
        return f"**missed** by {off:.0%}" if off < 1 else f"**missed**, {self.found / self.wanted:.1f} times the aim"


def read(directory: Path) -> Results:
    """Every saved entry by its name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(directory.glob("[!.]*.json"))}


# -- figures ----------------------------------------------------------------------------------------------------------


def rates(results: Results, name: str) -> dict[str, float]:
    """Events a second by round."""
    found = results.get(f"hop.{name}", {})
    return {measure: value["events_per_s"] for measure, value in found.items() if measure.startswith("rate ")}


def ratio(results: Results, name: str, to: str) -> float | None:
    """Median of the ratios of the same rounds."""
    ours, theirs = rates(results, name), rates(results, to)
    both = [ours[measure] / theirs[measure] for measure in ours if theirs.get(measure)]
    return statistics.median(both) if both else None


def hop_median(results: Results, name: str, what: str) -> float | None:
    """Median over the rounds."""
    found = results.get(f"hop.{name}", {})
    values = [value[what] for measure, value in found.items() if measure.startswith("rate ")]
    return statistics.median(values) if values else None


def cases_per_s(results: Results, name: str) -> float | None:
    """Median of the bursts."""
    found = results.get(f"saga.{name}", {})
    values = [value["cases_per_s"] for measure, value in found.items() if measure.startswith("burst ")]
    return statistics.median(values) if values else None


def at(results: Results, entry: str, *path: str) -> Any:
    """What stands at that place; None when something on the way was not measured."""
    found: Any = results.get(entry)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def aims(results: Results) -> list[Aim]:
    """The aims of the race, in the order of the issue."""
    hop = at(results, "beside.hop", "found", "rows") or [{}]
    steady = "1000 a second"
    kill = at(results, "hop.misstep", "kill") or {}
    ours = cases_per_s(results, "misstep")

    def times(name: str) -> float | None:
        theirs = cases_per_s(results, name)
        return None if ours is None or not theirs else ours / theirs

    def takeover(where: str) -> float | None:
        found = at(results, "beside.takeover", "found", where)
        return statistics.median(found) if found else None

    undo = ("found", "failure_to_compensated_ms")
    return [
        Aim("hop, of the raw transactional loop with the same headers and bytes", hop[0].get("ratio"), 0.6, "", True),
        Aim("hop, of Quix Streams exactly once", ratio(results, "misstep", "quix"), 1, "", True),
        Aim("hop, of Kafka Streams at 100 ms commits", ratio(results, "misstep", "streams_100ms"), 1, "", True),
        Aim("hop, of FastStream a message at a time", ratio(results, "misstep", "faststream"), 10, "", True),
        Aim("hop at 5,000/s, p50", hop[0].get("latency_p50_ms"), 10, "ms", False),
        Aim("hop at 5,000/s, p99", hop[0].get("latency_p99_ms"), 40, "ms", False),
        Aim("saga in cases/s, of DBOS, audit sink running", times("dbos"), 20, "", True),
        Aim("saga in cases/s, of LangGraph, audit sink running", times("langgraph"), 20, "", True),
        Aim(
            "five agents at 1,000 cases/s, p50",
            at(results, "saga.misstep", steady, "end_to_end_ms", "p50"),
            30,
            "ms",
            False,
        ),
        Aim(
            "five agents at 1,000 cases/s, p99",
            at(results, "saga.misstep", steady, "end_to_end_ms", "p99"),
            80,
            "ms",
            False,
        ),
        Aim(
            "failure to compensated, 15/s beside 500 cases/s, p50",
            at(results, "beside.undo", *undo, "p50"),
            25,
            "ms",
            False,
        ),
        Aim(
            "failure to compensated, 15/s beside 500 cases/s, p99",
            at(results, "beside.undo", *undo, "p99"),
            60,
            "ms",
            False,
        ),
        Aim(
            "the same without the broker's partition verification, p50",
            at(results, "beside.undo", "found", "unverified", "failure_to_compensated_ms", "p50"),
            25,
            "ms",
            False,
        ),
        Aim(
            "the same without the broker's partition verification, p99",
            at(results, "beside.undo", "found", "unverified", "failure_to_compensated_ms", "p99"),
            60,
            "ms",
            False,
        ),
        Aim("first output after `kill -9`, same slot", takeover("same slot, restarted"), 2, "s", False),
        Aim("first output after `kill -9`, another slot", takeover("another slot"), 8, "s", False),
        Aim("events lost by a `kill -9`", kill.get("lost"), 0, "", False),
        Aim("events doubled by a `kill -9`", kill.get("duplicated"), 0, "", False),
        Aim(
            "audit sink alone in rows/s, of the hop in events/s",
            at(results, "beside.sink", "found", "ratio"),
            1,
            "",
            True,
        ),
    ]


def slower(results: Results) -> Iterator[str]:
    """A sentence for each peer that is ahead of Misstep in anything: the peer's figure, and Misstep's in brackets."""
    for peer in CONTESTANTS[1:]:
        entry, mine = f"hop.{peer.name}", "hop.misstep"
        found = [
            _ahead("{} events/s", *(hop_median(results, one, "events_per_s") for one in (peer.name, "misstep")), -1),
            _ahead("{} s of processor for 1,000", *_medians(results, peer.name, "cpu_s_per_1000")),
            _ahead("{} MB", *_medians(results, peer.name, "rss_mb")),
            _ahead("p50 {} ms", at(results, entry, "latency", "p50_ms"), at(results, mine, "latency", "p50_ms")),
            _ahead("p99 {} ms", at(results, entry, "latency", "p99_ms"), at(results, mine, "latency", "p99_ms")),
        ]
        if ahead := [text for text in found if text]:
            yield f"Hop, {peer.title} ({peer.promise}): {', '.join(ahead)}."
    for rival in SAGA_CONTESTANTS:
        if rival.name.startswith("misstep"):
            continue
        entry, mine = f"saga.{rival.name}", "saga.misstep"
        found = [_ahead("{} cases/s", cases_per_s(results, rival.name), cases_per_s(results, "misstep"), -1)]
        for text, path in (
            ("{} bytes on disk a case", ("half load", "disk_bytes_per_case")),
            ("{} lines of user code", ("lines",)),
            ("end to end p50 {} ms", ("half load", "end_to_end_ms", "p50")),
            ("end to end p99 {} ms", ("half load", "end_to_end_ms", "p99")),
            ("failure to compensated p50 {} ms", ("half load", "failure_to_compensated_ms", "p50")),
            ("failure to compensated p99 {} ms", ("half load", "failure_to_compensated_ms", "p99")),
        ):
            found.append(_ahead(text, at(results, entry, *path), at(results, mine, *path)))
        if ahead := [text for text in found if text]:
            yield f"Saga, {rival.title}: {', '.join(ahead)}."


def _ahead(text: str, theirs: float | None, ours: float | None, better: int = 1) -> str | None:
    """The text with both figures when theirs is ahead; better: 1 where less is better, -1 where more is."""
    if theirs is None or ours is None or (ours - theirs) * better <= 0:
        return None
    return f"{text.format(_number(theirs))} ({_number(ours)})"


def _medians(results: Results, peer: str, what: str) -> tuple[float | None, float | None]:
    return hop_median(results, peer, what), hop_median(results, "misstep", what)


# -- the page ---------------------------------------------------------------------------------------------------------


def page(results: Results) -> str:
    """RESULTS.md."""
    parts = [
        "# Results of the race",
        "Written by `bench/report.py` from what `bench/race.py` measured; edit neither the figures nor the words here.",
        *_where(results),
        "## Aims",
        "As ratios within one run where the aim is a ratio: medians of the ratios of the same round.",
        _table(["aim", "wanted", "measured", ""], [aim.row() for aim in aims(results)]),
        "## Hop",
        _HOP,
        "![Events a second](plots/hop_rate.svg)",
        _hop_table(results),
        "![Latency](plots/hop_latency.svg)",
        "## Saga",
        _SAGA,
        "![Cases a second](plots/saga_rate.svg)",
        _saga_table(results),
        "![Latency of a case](plots/saga_latency.svg)",
        "## Where Misstep is slower, larger or longer",
        "The peer's figure, and Misstep's in brackets; latencies at half of each one's own rate.",
        "\n".join(f"- {line}" for line in slower(results)) or "Nowhere in this run.",
        "## What durable means in each",
        _durability(results),
        "## Versions",
        _versions(),
        "## How it is measured",
        _HOW,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_HOP = """\
One process a contestant, one hop: read a loan (JSON, those of `examples/`), check it by the model (pydantic; records \
and Jackson in Java), write it with one field more, keep the key. Latency is from produce to visible for a \
read_committed reader, at half of each contestant's own rate. Memory and processor time are of the whole process tree; \
the broker's are not in it. After `kill -9` of everything in mid-run the same program is started again at once; lost \
and doubled are counted by id by a read_committed reader."""

_SAGA = """\
Five steps; of 100 cases 90 pass, 5 fail once at the second step and are tried again after about 100 ms, 3 are \
refused at the fourth and have three steps undone, 2 break the contract. Misstep runs as `misstep run` does: a worker \
process (agents, undos, coordinator) and the audit sink's process, load and reader outside. The peers run the load in \
their own process, which spares them a hop over the network; in a burst they have 64 cases under way at a time. \
Latencies at half of each one's own rate, completed cases only."""

_HOW = """\
- Fresh servers, started for the run; contestants one after the other, never two at once. A rate is the median of the \
rounds; all contestants run once in a round, so that the machine's moods fall on all.
- A rate's window begins when a sixth of the events is out and some seconds have passed (start-up is over, a JVM has \
compiled), and ends with the last one or after 10 s. The reader that counts takes its share of the same cores, from \
every contestant alike.
- Every consumer group has a session of 6 s, so that restarts compare. Misstep's members are static (the same slot, \
the same member), which is why it need not wait for the session; the peers run with their default, dynamic members.
- Settings come from each peer's own documentation; the comment on top of each program in `bench/peers/` names the page.
- Latencies at half of each one's own rate are not latencies at one rate: who is faster is loaded harder.
- Lines of user code: lines that hold code in what a user would write (models or contracts, steps, flow, undos); blank \
lines, comments and docstrings do not count, nor does the program that starts it all.
- Bytes on disk are the growth during the run at half load: Kafka's log segments of all topics and the Postgres \
database with its indexes, or the SQLite file; Postgres's write-ahead log is not in it.
- `bench/race.py --only hop.quix` measures one entry anew; `--go-on` continues an interrupted run."""


def _where(results: Results) -> list[str]:
    found = at(results, "machine", "is") or {}
    runs = sorted({run for entry in results.values() for run in entry.get("runs", [])})
    command = "make bench QUICK=1" if found.get("size") != "full" else "make bench"
    lines = [
        f"Begun {found.get('began')} at commit {found.get('commit')}: `{command}` ({found.get('size')}, "
        f"{found.get('rounds')} rounds, {found.get('partitions')} partitions).",
        f"{found.get('cores')} cores of {found.get('cpu')}, {found.get('memory_gb')} GB, {found.get('system')}; "
        f"Python {found.get('python')}; Apache Kafka {found.get('kafka')}, one broker; Postgres "
        f"{at(results, 'machine', 'is', 'postgres', 'server_version')}. Servers and contestants share the cores.",
    ]
    if found.get("size") != "full":
        lines.append("**A short run: its figures show that it works, and little more.**")
    if len(runs) > 1:
        lines.append(f"Entries come from {len(runs)} runs ({'; '.join(runs)}): ratios between them are weaker.")
    return lines


def _hop_table(results: Results) -> str:
    rows = []
    for one in CONTESTANTS:
        entry = results.get(f"hop.{one.name}", {})
        if "failed" in entry and not rates(results, one.name):
            rows.append(f"| {one.title} | not run here, because {entry['failed']} |" + " |" * 9)
            continue
        latency, kill = entry.get("latency", {}), entry.get("kill", {})
        rows.append(
            _row(
                one.title,
                one.promise,
                _number(hop_median(results, one.name, "events_per_s")),
                _number(ratio(results, one.name, BASE)),
                _number(ratio(results, "misstep", one.name)),
                f"{_pair(latency, 'p50_ms', 'p99_ms')} at {_number(latency.get('rate'))}/s",
                _number(hop_median(results, one.name, "cpu_s_per_1000")),
                _number(hop_median(results, one.name, "rss_mb")),
                _number(kill.get("lost")),
                _number(kill.get("duplicated")),
                _number(kill.get("first_output_after_restart_s")),
            )
        )
    columns = ["", "promises", "events/s", "of the raw transactional loop", "Misstep is ... times as fast"]
    columns += ["p50 / p99 ms", "CPU s for 1,000", "MB"]
    return _table([*columns, "lost", "doubled", "first output after restart, s"], rows)


def _saga_table(results: Results) -> str:
    rows = []
    ours = cases_per_s(results, "misstep")
    for one in SAGA_CONTESTANTS:
        entry = results.get(f"saga.{one.name}", {})
        theirs = cases_per_s(results, one.name)
        if theirs is None:
            rows.append(f"| {one.title} | not run here, because {entry.get('failed', 'it was left out')} |" + " |" * 6)
            continue
        half = entry.get("half load", {})
        whole, undone = half.get("end_to_end_ms", {}), half.get("failure_to_compensated_ms", {})
        rows.append(
            _row(
                one.title,
                _number(theirs),
                _number(ours / theirs if ours else None),
                f"{_pair(whole)} at {_number(half.get('rate'))}/s",
                f"{_pair(undone)} ({undone.get('n', 0)})",
                _number(half.get("disk_bytes_per_case")),
                _number(entry.get("lines")),
                _number(
                    max((b.get("audit_behind_s") or 0 for m, b in entry.items() if m.startswith("burst ")), default=0)
                )
                if one.name.startswith("misstep")
                else "-",
            )
        )
        for steady in ("1000 a second", "50 a second"):
            if fixed := entry.get(steady):
                title, undone = f"{one.title}, at {steady}", fixed["failure_to_compensated_ms"]
                undos = f"{_pair(undone)} ({undone.get('n', 0)})"
                rows.append(_row(title, "-", "-", _pair(fixed["end_to_end_ms"]), undos, "-", "-", "-"))
    columns = ["", "cases/s in a burst", "Misstep is ... times as fast", "end to end p50 / p99 ms"]
    columns += ["failure to compensated p50 / p99 ms (cases)", "bytes on disk a case", "lines of user code"]
    return _table([*columns, "audit complete, s after the last outcome"], rows)


def _durability(results: Results) -> str:
    postgres = at(results, "machine", "is", "postgres") or {}
    synced = f"fsync = {postgres.get('fsync')}, synchronous_commit = {postgres.get('synchronous_commit')}"
    one_broker = (
        "One broker, replication 1, acks=all: what is acknowledged is in the broker's memory of the file system, not "
        "fsynced (Kafka's default); it survives the broker's `kill -9`, not a power cut. With three brokers it stands "
        "in two at least."
    )
    rows = [
        _row("Misstep; raw loops; Kafka Streams; Quix; Faust; FastStream", one_broker),
        _row(
            "Misstep, three brokers", "Replication 3, min.insync.replicas 2, acks=all: two brokers have it, unsynced."
        ),
        _row("Misstep's audit", f"Postgres ({synced}); written behind the outcome, never waited for by a case."),
        _row("DBOS", f"Postgres ({synced}), one server: each step's result and the workflow's are fsynced commits."),
        _row(
            "LangGraph",
            f"Postgres ({synced}), one server: a checkpoint a step, written while the next step runs "
            '(durability "async"); a crash may lose the last one and run its step again.',
        ),
        _row(
            "... commits not awaited on disk",
            "synchronous_commit = off: as the one Kafka broker, except that even a `kill -9` of Postgres may lose the "
            "last moments.",
        ),
        _row(
            "Temporal",
            "Development server on SQLite (journal_mode = wal, synchronous = normal), one file: not for production.",
        ),
    ]
    return _table(["", "an acknowledged step"], rows)


def _versions() -> str:
    of = [
        ("FastStream", version_of("faststream", "faststream")),
        ("Quix Streams", version_of("quix", "quixstreams")),
        ("faust-streaming", version_of("faust", "faust-streaming")),
        ("aiokafka (under Faust)", version_of("faust", "aiokafka")),
        ("DBOS", version_of("dbos", "dbos")),
        ("LangGraph", version_of("langgraph", "langgraph")),
        ("its Postgres checkpointer", version_of("langgraph", "langgraph-checkpoint-postgres")),
        ("Temporal's Python SDK", version_of("temporal", "temporalio")),
        ("Temporal's command line with the server", TEMPORAL_CLI),
    ]
    own = at(read(HOME / "results"), "machine", "is") or {}
    clients = f"confluent-kafka {own.get('confluent_kafka')} and pydantic {own.get('pydantic')} (Misstep and raw loops)"
    pom = (HERE / "peers" / "kafka_streams" / "pom.xml").read_text()
    streams = pom.split("<artifactId>kafka-streams</artifactId>")[1].split("<version>")[1].split("<")[0]
    listed = ", ".join(f"{name} {number}" for name, number in of)
    return (
        f"{clients}; Kafka Streams {streams}, {listed}. All pins are in `bench/peers/*/requirements.txt` and `pom.xml`."
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(columns: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join([_row(*columns), _row(*("---" for _ in columns)), *rows])


def _pair(found: dict[str, float], low: str = "p50", high: str = "p99") -> str:
    return f"{_number(found.get(low))} / {_number(found.get(high))}"


def _number(value: float | None) -> str:
    """Three digits that count; thousands with commas."""
    if value is None:
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


# -- plots ------------------------------------------------------------------------------------------------------------


def draw(results: Results, directory: Path) -> None:
    """The plots, as SVG."""
    directory.mkdir(exist_ok=True)
    hops = [(one, f"hop.{one.name}") for one in CONTESTANTS]
    sagas = [(one, f"saga.{one.name}") for one in SAGA_CONTESTANTS]

    def ours(name: str) -> bool:
        return name.startswith("misstep")

    rate = [Bar(one.title, hop_median(results, one.name, "events_per_s"), None, ours(one.name)) for one, _ in hops]
    late = [
        Bar(one.title, at(results, entry, "latency", "p50_ms"), at(results, entry, "latency", "p99_ms"), ours(one.name))
        for one, entry in hops
    ]
    cases = [Bar(one.title, cases_per_s(results, one.name), None, ours(one.name)) for one, _ in sagas]
    path = ("half load", "end_to_end_ms")
    whole = [
        Bar(one.title, at(results, entry, *path, "p50"), at(results, entry, *path, "p99"), ours(one.name))
        for one, entry in sagas
    ]
    plots = {
        "hop_rate": bars("Hop: events a second", rate, logarithmic=False),
        "hop_latency": bars("Hop: p50 and p99 in ms, at half of each one's own rate", late, logarithmic=True),
        "saga_rate": bars("Saga: cases a second in a burst", cases, logarithmic=True),
        "saga_latency": bars("Saga: p50 and p99 in ms, at half of each one's own rate", whole, logarithmic=True),
    }
    for name, svg in plots.items():
        (directory / f"{name}.svg").write_text(svg)


def write(directory: Path) -> None:
    """RESULTS.md and the plots, from the entries in `directory`."""
    results = read(directory)
    draw(results, HERE / "plots")
    (HERE / "RESULTS.md").write_text(page(results))
    print(f"Wrote {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    write(HOME / "results")
    sys.exit(0)
