"""A stretch of a run: load begins, faults come and go, load ends, everything drains, the oracle judges."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from misstep.errors import MisstepError
from misstep.testing.chaos import Fault, NotHere, Planned, Violation, judge
from misstep.testing.chaos.oracle import counts
from tests.chaos.cases import otherwise
from tests.chaos.site import Site

WARM_UP_S = 2.0
SETTLE_S = 4.0
DRAIN_S = 120.0
AUDIT_S = 60.0
TICK_S = 1.0
MEND_S = 120.0
WHOLE_WITHIN_S = 60.0


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
    incidents: dict[str, int] = field(default_factory=dict)
    """What the processes' logs say that nobody asked for."""
    gave_up: list[str] = field(default_factory=list)
    """Processes that had ended for good, and stayed so until the harness started them again."""
    broke: str = ""
    """Why the harness could not play it to its end."""


def play(site: Site, name: str, what: str, plan: Sequence[Planned]) -> Phase:
    """Play one phase and judge it. Whatever happens, the faults that began are ended."""
    phase = Phase(name, what)
    site.foreign, site.loose, site.due = set(), set(), {}
    site.watch.clear()
    site.watch.foreign = site.foreign
    began = time.monotonic()
    site.load.begin(name)
    time.sleep(WARM_UP_S)
    try:
        _make(site, phase, plan, began)
    except NotHere as why:
        phase.not_here = str(why)
        site.say(f"  not run here, because {why}")
    except Exception as error:  # noqa: BLE001  # the next phase may go better
        phase.broke = f"{type(error).__name__}: {error}"
    last_end = max((one.ended_s for one in phase.occurrences), default=0.0) + began
    time.sleep(SETTLE_S)
    try:
        _finish(site, phase, began, last_end)
    except Exception as error:  # noqa: BLE001
        phase.broke = phase.broke or f"{type(error).__name__}: {error}"
    phase.incidents = site.incidents.since_last()
    phase.gave_up = site.start_again()
    return phase


def _make(site: Site, phase: Phase, plan: Sequence[Planned], began: float) -> None:
    """Begin and end the faults in the order of the plan.

    The time that beginning and ending takes (a broker's start) is not counted: what follows is that much later. Faults
    whose time would come when the whole plan was to be over are left out.
    """
    first = time.monotonic()
    over = first + max((one.end_s for one in plan), default=0.0)
    steps = [(one.begin_s, True, one) for one in plan] + [(one.end_s, False, one) for one in plan]
    going: dict[str, tuple[Fault[Site], Occurrence, random.Random]] = {}
    last_tick = first
    try:
        for due, begins, planned in sorted(steps, key=lambda step: (step[0], step[1], step[2].seed)):
            while (now := time.monotonic()) < first + due:
                if now - last_tick >= TICK_S:
                    last_tick = now
                    for fault, _, chance in going.values():
                        fault.during(site, chance)
                time.sleep(0.05)
            now = time.monotonic()
            if not begins:
                if planned.seed in going:
                    fault, occurrence, _ = going[planned.seed]
                    try:
                        _end(site, fault, occurrence, began)
                        del going[planned.seed]
                    except Exception as error:  # noqa: BLE001  # it is tried again when all others have ended
                        site.say(f"         {fault.name} cannot end yet: {type(error).__name__} {error}")
                    first += time.monotonic() - now
                continue
            if now > over:
                continue
            if not _may_begin(site, planned.fault):
                first += time.monotonic() - now
                continue
            fault, chance = planned.fault(), random.Random(planned.seed)
            occurrence = Occurrence(fault.name, "", time.monotonic() - began)
            going[planned.seed] = (fault, occurrence, chance)
            occurrence.hit = fault.start(site, chance)
            phase.occurrences.append(occurrence)
            site.say(f"  {occurrence.began_s:5.1f} s  {fault.name}: {occurrence.hit}")
            first += time.monotonic() - now
    finally:
        until = time.monotonic() + MEND_S
        said: dict[str, str] = {}
        while going:  # what one fault has broken may keep another from being mended
            for seed, (fault, occurrence, _) in list(going.items()):
                try:
                    _end(site, fault, occurrence, began)
                except Exception as error:
                    if time.monotonic() > until:
                        raise
                    if str(error) != said.get(seed):
                        said[seed] = str(error)
                        site.say(f"         {fault.name} cannot end yet: {type(error).__name__} {error}")
                else:
                    del going[seed]
            time.sleep(0.5)


def _may_begin(site: Site, fault: type[Fault[Site]]) -> bool:
    """Brokers are taken away only while every partition has all its copies: after anything else the brokers themselves
    may forget what they had acknowledged, and no promise can stand on that."""
    if "brokers" not in fault.touches:
        return True
    try:
        site.cluster.await_whole(WHOLE_WITHIN_S)
    except MisstepError as error:
        site.say(f"         {fault.name} is left out: {error}")
        return False
    return True


def _end(site: Site, fault: Fault[Site], occurrence: Occurrence, began: float) -> None:
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
