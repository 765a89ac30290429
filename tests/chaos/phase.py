"""A stretch of a run: load begins, faults come and go, load ends, everything drains, the oracle judges."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from misstep.testing.chaos import Fault, NotHere, Violation, judge
from misstep.testing.chaos.oracle import counts
from tests.chaos.cases import otherwise
from tests.chaos.site import Site

WARM_UP_S = 2.0
SETTLE_S = 4.0
DRAIN_S = 120.0
AUDIT_S = 60.0


@dataclass
class Occurrence:
    """One fault that was made."""

    fault: str
    hit: str
    began_s: float
    """Seconds since the phase began."""
    ended_s: float = 0.0
    recovery_s: float | None = None
    """From its end to the next outcome of a case; 0.0 when outcomes came while it lasted, too."""
    silence_s: float = 0.0
    """The longest time without an outcome between its beginning and five seconds after its end."""


@dataclass
class Phase:
    """What became of a stretch."""

    name: str
    what: str
    not_here: str = ""
    occurrences: list[Occurrence] = field(default_factory=list)
    acknowledged: int = 0
    events: int = 0
    rows: int = 0
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    caught_up_s: float | None = None
    """From the end of the last fault until all cases that were acknowledged by then had ended."""
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lasted_s: float = 0.0
    broke: str = ""
    """Why the harness could not play it to its end."""


Schedule = Callable[[Site, random.Random], Iterator[tuple[str, Fault[Site], float]]]
"""Yields (`start` | `during` | `end`, fault, seconds to wait afterwards)."""


def one(fault: type[Fault[Site]], seconds: float) -> Schedule:
    """One fault for so long."""

    def schedule(site: Site, chance: random.Random) -> Iterator[tuple[str, Fault[Site], float]]:
        occurrence = fault()
        yield "start", occurrence, 1.0
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield "during", occurrence, 1.0
        yield "end", occurrence, 0.0

    return schedule


def mixed(faults: list[type[Fault[Site]]], seconds: float) -> Schedule:
    """Faults of different kinds, up to two at a time, each for 3 to 10 seconds, as the seed has it."""

    def schedule(site: Site, chance: random.Random) -> Iterator[tuple[str, Fault[Site], float]]:
        until = time.monotonic() + seconds
        going: list[tuple[float, Fault[Site]]] = []
        while time.monotonic() < until or going:
            now = time.monotonic()
            for due, fault in list(going):
                if now >= due or now >= until:
                    going.remove((due, fault))
                    yield "end", fault, 0.0
                else:
                    yield "during", fault, 0.0
            touched = frozenset[str]().union(*(fault.touches for _, fault in going))
            free = [kind for kind in faults if not kind.touches & touched]
            if now < until - 3 and len(going) < 2 and free and chance.random() < 0.4:
                fault = chance.choice(free)()
                going.append((now + chance.uniform(3, 10), fault))
                yield "start", fault, 0.0
            yield "wait", fault if going else faults[0](), 1.0

    return schedule


def play(site: Site, name: str, what: str, schedule: Schedule, seed: str) -> Phase:
    """Play one phase and judge it. Whatever happens, the faults that began are ended."""
    phase = Phase(name, what)
    chance = random.Random(seed)
    site.foreign, site.loose, site.due = set(), set(), {}
    site.watch.clear()
    site.watch.foreign = site.foreign
    began = time.monotonic()
    site.load.begin(name)
    time.sleep(WARM_UP_S)
    going: dict[int, tuple[Fault[Site], Occurrence]] = {}
    try:
        for verb, fault, wait_s in schedule(site, chance):
            at = time.monotonic() - began
            if verb == "start":
                occurrence = Occurrence(fault.name, "", at)
                going[id(fault)] = (fault, occurrence)
                occurrence.hit = fault.start(site, chance)
                phase.occurrences.append(occurrence)
                site.say(f"  {at:5.1f} s  {fault.name}: {occurrence.hit}")
            elif verb == "during":
                fault.during(site, chance)
            elif verb == "end" and id(fault) in going:
                _end(site, going.pop(id(fault)), began)
            time.sleep(wait_s)
    except NotHere as why:
        phase.not_here = str(why)
        site.say(f"  not run here, because {why}")
    except Exception as error:  # noqa: BLE001  # the next phase may go better
        phase.broke = f"{type(error).__name__}: {error}"
    finally:
        for pair in list(going.values()):
            with suppress(Exception):
                _end(site, pair, began)
    last_end = max((one.ended_s for one in phase.occurrences), default=0.0) + began
    time.sleep(SETTLE_S)
    try:
        _finish(site, phase, began, last_end)
    except Exception as error:  # noqa: BLE001
        phase.broke = phase.broke or f"{type(error).__name__}: {error}"
    return phase


def _end(site: Site, pair: tuple[Fault[Site], Occurrence], began: float) -> None:
    fault, occurrence = pair
    fault.end(site)
    occurrence.ended_s = time.monotonic() - began


def _finish(site: Site, phase: Phase, began: float, last_end: float) -> None:
    try:
        acknowledged = site.load.hold()
    except TimeoutError as error:
        acknowledged = site.load.acknowledged()
        phase.notes.append(str(error))
    acknowledged |= site.due
    phase.acknowledged = len(acknowledged)
    until = time.monotonic() + DRAIN_S
    while (left := site.watch.not_ended(acknowledged)) and time.monotonic() < until:
        time.sleep(0.1)
    if left:
        phase.notes.append(f"{len(left)} cases have not ended {DRAIN_S:.0f} s after the load: {left[:5]}")
    ended = site.watch.ended
    if not left:
        before = [case for case, moment in site.load.acknowledged_s.items() if moment <= last_end]
        phase.caught_up_s = max([0.0, *(ended[case] - last_end for case in before)])
    for one in phase.occurrences:
        begin, end = began + one.began_s, began + one.ended_s
        one.silence_s = site.watch.silence(begin, end + 5.0)
        one.recovery_s = site.watch.first_after(end)
    site.cluster.await_whole()
    recording = site.record(acknowledged, AUDIT_S)
    phase.events, phase.rows = len(recording.final), len(recording.rows)
    phase.outcomes = {name: dict(sorted(words.items())) for name, words in counts(recording).items()}
    odd = otherwise(recording.final, acknowledged)
    phase.notes += [f"{count} ended {why}" for why, count in sorted(odd.items())]
    seen = {(one.rule, one.case_id): one for one in [*judge(recording), *site.watch.violations]}
    phase.violations = list(seen.values())
    phase.lasted_s = time.monotonic() - began
