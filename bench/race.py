"""The race: a hop and a saga in Misstep and in what people use today, one after the other on the same fresh servers.

Each measured entry is saved under bench/.peers/results as soon as it is there; the report is made from these files
(bench/report.py writes bench/RESULTS.md). Without options the race starts anew; `--go-on` keeps what an interrupted run
has measured; `--only hop.quix` measures one entry anew and keeps the rest.

    python bench/race.py [--quick] [--go-on] [--only ENTRY ...] [--given] [--list]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import report
from confluent_kafka import KafkaException
from peers import hop_measures
from peers.contestants import CONTESTANTS, SCRATCH, Contestant
from peers.environments import HOME, CannotRunHereError
from peers.saga_measures import SAGA_CONTESTANTS, SagaContestant, Servers

from misstep.errors import MisstepError

HERE = Path(__file__).resolve().parent
RESULTS = HOME / "results"

BESIDE = {
    "beside.hop": ["hop.py", "--only", "json", "--json"],
    "beside.undo": ["undo.py", "--json"],
    "beside.takeover": ["takeover.py", "--json"],
    "beside.sink": ["scale/sink.py", "--json"],
}

CANNOT = (CannotRunHereError, hop_measures.DidNotWorkError, MisstepError, KafkaException, psycopg.Error)
"""What keeps one entry from being measured; the others go on."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    name: str
    rounds: int
    share: float
    """Of each contestant's events of a full run."""
    warm_up_s: float
    beside_events: int
    latency_s: int
    saga_s: float
    cases_of_a_burst: float
    """Share of each contestant's full burst."""


FULL = Size("full", 3, 1.0, 3.0, 60_000, 10, 12.0, 1.0)
QUICK = Size("quick", 1, 0.25, 1.0, 30_000, 5, 6.0, 0.3)
TINY = Size("tiny", 1, 0.02, 0.0, 6_000, 2, 4.0, 0.1)
SIZES = {size.name: size for size in (FULL, QUICK, TINY)}
PARTITIONS = 2


class Store:
    """One JSON file an entry, written after every measurement."""

    def __init__(self, run: str) -> None:
        self._run = run
        RESULTS.mkdir(parents=True, exist_ok=True)

    def get(self, entry: str) -> dict[str, Any]:
        """What is known of an entry; empty when nothing is."""
        path = RESULTS / f"{entry}.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def put(self, entry: str, measure: str, value: Any) -> None:
        """Add one measurement."""
        known = self.get(entry) | {measure: value}
        known["runs"] = sorted({*known.get("runs", []), self._run})
        draft = RESULTS / f".{entry}.json"
        draft.write_text(json.dumps(known, indent=1) + "\n")
        draft.replace(RESULTS / f"{entry}.json")

    def try_again(self) -> None:
        """Forget why entries could not be measured."""
        for path in RESULTS.glob("[!.]*.json"):
            known = json.loads(path.read_text())
            if known.pop("failed", None):
                path.write_text(json.dumps(known, indent=1) + "\n")

    def once(self, entry: str, measure: str, work: Callable[[], Any]) -> Any:
        """The stored measurement, or a new one. What cannot run here is stored as `failed` and leaves it out."""
        known = self.get(entry)
        if measure in known:
            return known[measure]
        if "failed" in known:
            return None
        print(f"{time.strftime('%H:%M:%S')} {entry} {measure} ...", end=" ", flush=True)
        try:
            value = work()
        except CANNOT as error:
            print(f"not run: {error}", flush=True)
            self.put(entry, "failed", str(error))
            return None
        print(json.dumps(value), flush=True)
        self.put(entry, measure, value)
        return value


def race_hops(store: Store, servers: Servers, size: Size, wanted: Callable[[str], bool]) -> None:
    """Rates in rounds, so that the machine's moods fall on all; then latencies; then one kill each."""
    values = hop_measures.loans()
    taking_part = [contestant for contestant in CONTESTANTS if wanted(f"hop.{contestant.name}")]
    if not taking_part:
        return

    def on_lane(contestant: Contestant, measure: Callable[..., Any], *arguments: Any) -> Any:
        with hop_measures.lane(contestant, servers.bootstrap, servers.dsn, PARTITIONS) as lane:
            return measure(contestant, lane, values, *arguments)

    print("Warming the broker up ...", flush=True)
    on_lane(CONTESTANTS[1], hop_measures.rate, round(CONTESTANTS[1].events * size.share), 0.0)
    for number in range(1, size.rounds + 1):
        for contestant in taking_part:
            entry = f"hop.{contestant.name}"
            events = round(contestant.events * size.share)
            store.once(
                entry,
                f"rate {number}",
                lambda c=contestant, e=events: on_lane(c, hop_measures.rate, e, size.warm_up_s),
            )
    for contestant in taking_part:
        entry = f"hop.{contestant.name}"
        if (full := _rate_of(store, entry)) is None:
            continue
        half = max(1, round(full / 2))
        store.once(entry, "latency", lambda c=contestant, r=half: on_lane(c, hop_measures.latency, r, size.latency_s))
        events = max(1_000, min(round(contestant.events * size.share), round(full * 6)))
        store.once(entry, "kill", lambda c=contestant, e=events: on_lane(c, hop_measures.kill, e))


def _rate_of(store: Store, entry: str) -> float | None:
    rates = [value["events_per_s"] for name, value in store.get(entry).items() if name.startswith("rate ")]
    return statistics.median(rates) if rates else None


def race_sagas(store: Store, servers: Servers, size: Size, wanted: Callable[[str], bool]) -> None:
    """Each contestant on its own: bursts, then half of its rate; Misstep at 1,000 cases a second as well."""
    for contestant in SAGA_CONTESTANTS:
        entry = f"saga.{contestant.name}"
        if not wanted(entry) or "done" in store.get(entry) or "failed" in store.get(entry):
            continue
        try:
            with contestant.arena(servers) as arena:
                _one_saga(store, entry, contestant, arena, size)
        except CANNOT as error:
            print(f"{entry}: not run: {error}", flush=True)
            store.put(entry, "failed", str(error))


def _one_saga(store: Store, entry: str, contestant: SagaContestant, arena: Any, size: Size) -> None:
    cases = max(40, int(contestant.burst_cases * size.cases_of_a_burst))
    bursts = [store.once(entry, f"burst {number}", lambda: arena.burst(cases)) for number in range(1, size.rounds + 1)]
    if any(burst is None for burst in bursts):
        return
    half = round(statistics.median(burst["cases_per_s"] for burst in bursts) / 2, 1)
    store.once(entry, "half load", lambda: _half_load(arena, half, size))
    if contestant.name.startswith("misstep"):
        store.once(entry, "1000 a second", lambda: arena.paced(1_000.0, size.saga_s))
        store.once(entry, "50 a second", lambda: arena.paced(50.0, size.saga_s))  # about what the peers are measured at
    store.put(entry, "lines", contestant.lines())
    store.put(entry, "done", True)


def _half_load(arena: Any, rate: float, size: Size) -> dict[str, Any]:
    before = arena.disk_bytes()
    found = arena.paced(rate, size.saga_s) | {"rate": rate}
    after = arena.disk_bytes()
    known = before is not None and after is not None
    return found | ({"disk_bytes_per_case": round((after - before) / found["cases"])} if known else {})


def race_beside(store: Store, servers: Servers, size: Size, wanted: Callable[[str], bool]) -> None:
    """What stood before the race: Misstep beside the loop with its own headers, undos, takeovers."""
    for entry, command in BESIDE.items():
        if wanted(entry):
            store.once(entry, "found", lambda c=command: _beside(c, servers, size))


def _beside(command: list[str], servers: Servers, size: Size) -> Any:
    script, *options = command
    shorter = {
        "hop.py": ["--rounds", str(size.rounds), "--events", str(size.beside_events), "--seconds", str(size.latency_s)],
        "undo.py": ["--seconds", str(size.latency_s)],
        "takeover.py": ["--rounds", str(size.rounds)],
        "scale/sink.py": [
            "--cases",
            str(size.beside_events // 10),
            "--postgres",
            servers.dsn,
            "--keep",
            str(HOME / "sink.json"),
        ],
    }[script]
    done = subprocess.run(
        [sys.executable, str(HERE / script), *options, *shorter, "--kafka", servers.bootstrap],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise hop_measures.DidNotWorkError(f"{script} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def machine(servers: Servers, size: Size) -> dict[str, Any]:
    """What the figures hold for."""
    with psycopg.connect(servers.dsn, autocommit=True) as connection:
        asked = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        postgres = {name: (connection.execute(f"SHOW {name}").fetchone() or ["?"])[0] for name in asked}  # type: ignore[call-overload]
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "size": size.name,
        "rounds": size.rounds,
        "partitions": PARTITIONS,
        "began": time.strftime("%Y-%m-%d %H:%M"),
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory_kb / 2**20),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "kafka": "4.3.0",
        "postgres": postgres,
        "confluent_kafka": version("confluent-kafka"),
        "pydantic": version("pydantic"),
        "commit": subprocess.run(
            ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
    }


@contextmanager
def servers_of(given: bool) -> Iterator[Servers]:
    """Fresh servers, or those that MISSTEP_KAFKA and MISSTEP_POSTGRES name."""
    if given:
        yield Servers(os.environ["MISSTEP_KAFKA"], os.environ["MISSTEP_POSTGRES"], [])
        return
    from misstep.dev.servers import down, up

    with tempfile.TemporaryDirectory(prefix="misstep-race-") as directory:
        data = Path(directory)
        state = up(data)
        try:
            yield Servers(str(state.kafka.bootstrap_servers), str(state.postgres.dsn), [data / "kafka" / "data"])
        finally:
            down(data)


def main() -> int:
    """Run the race and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, shorter: minutes instead of half an hour")
    parser.add_argument("--size", choices=SIZES, help="as --quick, by name")
    parser.add_argument("--go-on", action="store_true", help="keep what an interrupted run has measured")
    parser.add_argument("--only", action="append", metavar="ENTRY", help="measure this entry anew, keep the others")
    parser.add_argument("--given", action="store_true", help="on the servers of MISSTEP_KAFKA and MISSTEP_POSTGRES")
    parser.add_argument("--list", action="store_true", help="name the entries and end")
    options = parser.parse_args()
    entries = [f"hop.{one.name}" for one in CONTESTANTS] + [f"saga.{one.name}" for one in SAGA_CONTESTANTS]
    entries += list(BESIDE)
    if options.list:
        print("\n".join(entries))
        return 0
    chosen = options.only or entries
    if unknown := [entry for entry in chosen if entry not in entries]:
        parser.error(f"there is no entry {unknown[0]}; --list names them.")
    if options.given and not {"MISSTEP_KAFKA", "MISSTEP_POSTGRES"} <= os.environ.keys():
        parser.error("--given needs MISSTEP_KAFKA and MISSTEP_POSTGRES.")
    if not options.only and not options.go_on:
        shutil.rmtree(RESULTS, ignore_errors=True)
    for entry in options.only or []:
        (RESULTS / f"{entry}.json").unlink(missing_ok=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    size = SIZES[options.size or ("quick" if options.quick else "full")]
    store = Store(f"{time.strftime('%Y-%m-%d %H:%M')} {uuid.uuid4().hex[:4]} {size.name}")
    if options.go_on:
        store.try_again()
    with servers_of(options.given) as servers:
        if not store.get("machine") or not options.only:
            store.put("machine", "is", machine(servers, size))
        race_hops(store, servers, size, chosen.__contains__)
        race_sagas(store, servers, size, chosen.__contains__)
        race_beside(store, servers, size, chosen.__contains__)
    report.write(RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
