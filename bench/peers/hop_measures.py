"""What is measured of a contestant of the hop: its rate, its latency, and what a `kill -9` loses or doubles.

Every measurement has topics of its own, filled before the clock starts, and an independent read_committed reader.
"""

from __future__ import annotations

import gzip
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hop
from confluent_kafka import Consumer, Message
from confluent_kafka.admin import AdminClient

from peers.contestants import Contestant, Lane, environment_of, misstep
from peers.environments import HOME
from peers.processes import running, start

LOANS = hop.SAMPLE
START_WITHIN_S = 60.0
WINDOW_S = 10.0
RECOVER_WITHIN_S = 90.0
QUIET_S = 4.0


class DidNotWorkError(Exception):
    """A contestant put nothing out; the end of its log says why."""


def loans() -> list[bytes]:
    """The loans that ship with the repository, one JSON value each."""
    with gzip.open(LOANS, "rt", encoding="utf-8") as lines:
        return [line.strip().encode() for line in lines]


@contextmanager
def lane(contestant: Contestant, bootstrap: str, dsn: str, partitions: int) -> Iterator[Lane]:
    """Fresh topics for one measurement, deleted afterwards."""
    made = Lane(bootstrap, f"race-{contestant.name.replace('_', '-')}-{uuid.uuid4().hex[:6]}", partitions)
    if contestant.name == "misstep":
        env = {**environment_of(made), "MISSTEP_POSTGRES": dsn}
        with running(misstep("apply"), _log(contestant), env) as applying:
            applying.root.wait(60)
        if applying.root.returncode:
            raise DidNotWorkError(f"`misstep apply` failed; see {_log(contestant)}.")
    else:
        hop.make_topics(bootstrap, [made.source, made.target], partitions)
        _await_topics(made)
    try:
        yield made
    finally:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 4})
        for topic in [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(made.name)]:
            admin.delete_topics([topic])[topic].result()


def rate(contestant: Contestant, made: Lane, values: list[bytes], events: int, warm_up_s: float) -> dict[str, float]:
    """Events a second once it runs, processor seconds for 1,000 events, resident memory.

    The window begins when a sixth of the events is out and `warm_up_s` have passed since the first one (a JVM compiles
    meanwhile), and ends with the last one, or after 10 s.
    """
    hop.preload(made.bootstrap, made.source, values, events)
    reader = hop.reader(made.bootstrap, made.target)
    skip, seen, first, began, cpu_before, seen_before = events // 6, 0, 0.0, 0.0, 0.0, 0
    with running(contestant.command(made), _log(contestant), environment_of(made)) as tree:
        until = time.monotonic() + START_WITHIN_S
        while seen < events:
            seen += _count(reader, 0.2)
            now = time.monotonic()
            if began and now > began + WINDOW_S:
                break
            if seen and not first:
                first = now
            if not began and seen >= skip and (now > first + warm_up_s or seen > events * 0.6):
                began, cpu_before, seen_before = now, tree.cpu_s(), seen
            if not seen and now > until:
                raise DidNotWorkError(_last_words(contestant))
        took, cpu_s, rss_mb = time.monotonic() - began, tree.cpu_s() - cpu_before, tree.rss_mb()
    reader.close()
    counted = max(seen - seen_before, 1)
    return {
        "events_per_s": round(counted / took, 1),
        "cpu_s_per_1000": round(cpu_s / counted * 1000, 4),
        "rss_mb": round(rss_mb, 1),
        "window_s": round(took, 2),
        "window_events": counted,
    }


def latency(contestant: Contestant, made: Lane, values: list[bytes], per_second: int, seconds: int) -> dict[str, float]:
    """Milliseconds from produce to visible, p50 and p99, at a steady rate."""
    with running(contestant.command(made), _log(contestant), environment_of(made)):
        _first_output(contestant, made, values)
        took = hop.latency(made.bootstrap, made.source, made.target, values, per_second, seconds)
    p50, p99 = hop.percentiles(took)
    return {"rate": per_second, "p50_ms": round(p50, 1), "p99_ms": round(p99, 1), "events": len(took)}


def kill(contestant: Contestant, made: Lane, values: list[bytes], events: int) -> dict[str, Any]:
    """One `kill -9` of everything when a third is out, the same program again at once, and then a count by id."""
    hop.preload(made.bootstrap, made.source, values, events)
    reader = hop.reader(made.bootstrap, made.target)
    ids: Counter[bytes] = Counter()
    tree = start(contestant.command(made), _log(contestant), environment_of(made))
    until = time.monotonic() + START_WITHIN_S
    while ids.total() < events // 3:
        _note(reader, ids, 0.02)
        if time.monotonic() > until:
            tree.kill()
            raise DidNotWorkError(_last_words(contestant))
    tree.kill()
    killed = time.monotonic()
    while _note(reader, ids, 0.3):  # what was visible already is not its successor's
        pass
    first_after, last = None, killed
    tree = start(contestant.command(made), _log(contestant), environment_of(made))
    restarted = time.monotonic()
    while time.monotonic() < killed + RECOVER_WITHIN_S:
        if _note(reader, ids, 0.02):
            last = time.monotonic()
            first_after = first_after or last - restarted
        if len(ids) >= events and time.monotonic() > last + QUIET_S:
            break
    tree.stop()
    _note(reader, ids, 1.0)
    reader.close()
    return {
        "events": events,
        "lost": events - len(ids),
        "duplicated": ids.total() - len(ids),
        "first_output_after_restart_s": None if first_after is None else round(first_after, 2),
    }


def _await_topics(made: Lane) -> None:
    """Until clients are told of the partitions: in a busy broker's answers a topic of a moment ago has none."""
    admin = AdminClient({"bootstrap.servers": made.bootstrap, "log_level": 4})
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until:
        known = admin.list_topics(timeout=10).topics
        if all(topic in known and len(known[topic].partitions) == made.partitions for topic in made.topics):
            return
        time.sleep(0.05)
    raise DidNotWorkError(f"the broker did not make {made.source} within {START_WITHIN_S:.0f} s.")


def _first_output(contestant: Contestant, made: Lane, values: list[bytes]) -> None:
    """Send events until one comes out."""
    reader = hop.reader(made.bootstrap, made.target)
    hop.preload(made.bootstrap, made.source, values, 200)  # enough to warm every path
    seen, until = 0, time.monotonic() + START_WITHIN_S
    while seen < 200:
        seen += _count(reader, 0.2)
        if time.monotonic() > until:
            raise DidNotWorkError(_last_words(contestant))
    reader.close()


def _count(reader: Consumer, wait_s: float) -> int:
    return sum(message.error() is None for message in _visible(reader, wait_s))


def _visible(reader: Consumer, wait_s: float) -> list[Message]:
    """What can be read now; waits for a first message only (consume(n, t) waits in steps of 200 ms)."""
    first = reader.poll(wait_s)
    return [] if first is None else [first, *reader.consume(5_000, 0)]


def _note(reader: Consumer, ids: Counter[bytes], wait_s: float) -> bool:
    """Count what is visible now by its key; whether there was anything."""
    before = ids.total()
    ids.update(message.key() or b"" for message in _visible(reader, wait_s) if message.error() is None)
    return ids.total() > before


def _log(contestant: Contestant) -> Path:
    return HOME / "logs" / f"hop.{contestant.name}.log"


def _last_words(contestant: Contestant) -> str:
    said = subprocess.run(["tail", "-n", "1", str(_log(contestant))], capture_output=True, text=True, check=False)
    return f"nothing came out of it within {START_WITHIN_S:.0f} s; its log ends: {said.stdout.strip() or 'empty'}"
