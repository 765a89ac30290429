"""What must hold of trips whose workers were killed: one outcome each, every undo done once in effect."""

import random
from collections.abc import Mapping
from pathlib import Path

import orjson

from tests.undo.trip import Wish, journal
from tests.worker.conftest import Site
from tests.worker.oracle import Seen

STEPS = ["hold_seat", "hold_room", "hold_car", "pay"]
WAYS: list[dict[str, list[str]]] = [
    {},
    {},
    {"pay": ["refused"]},
    {"pay": ["lost answer"]},
    {"hold_room": ["model_down"]},
    {"pay": ["refused"], "undo hold_car": ["raises", "ok"]},
    {"pay": ["refused"], "undo hold_room": ["raises"]},
]


def wish(number: int, chance: random.Random) -> Wish:
    """A trip that goes one of WAYS."""
    return Wish(number=number, script=chance.choice(WAYS))


def check_effects(site: Site, log: Mapping[str, list[Seen]], path: Path) -> dict[str, int]:
    """Assert that what was done outside fits how each case ended; returns the outcomes, counted."""
    done: dict[str, set[tuple[str, str, str]]] = {}
    for line in journal(path):
        done.setdefault(line["case"], set()).add((line["what"], line["step"], line["key"]))
    undone: dict[str, list[str]] = {}
    for seen in sorted(log[site.topics.undo], key=lambda seen: int(seen.text("ce_stateversion"))):
        if seen.text("ce_agent") != "undo" and seen.text("ce_failurereason") == "ok":
            undone.setdefault(seen.text("ce_subject"), []).append(seen.text("ce_agent"))
    counts: dict[str, int] = {}
    for seen in log[site.topics.outcomes]:
        case, ended = seen.text("ce_subject"), orjson.loads(seen.value or b"")["outcome"]
        counts[ended] = counts.get(ended, 0) + 1
        effects = done.get(case, set())
        keys: dict[tuple[str, str], set[str]] = {}
        for what, step, key in effects:
            keys.setdefault((what, step), set()).add(key)
        assert all(len(used) == 1 for used in keys.values()), f"{case}: a step with two keys: {keys}"
        taken_back = undone.get(case, [])
        assert taken_back == sorted(taken_back, key=STEPS.index, reverse=True), f"{case}: undone out of order"
        if ended == "completed":
            assert {step for what, step in keys if what == "do"} == set(STEPS)
            assert not taken_back
        else:
            assert {step for what, step in keys if what == "undo"} == set(taken_back), f"{case}: {effects}"
            stands = {step for what, step in keys if what == "do"} - set(taken_back)
            assert bool(stands) == (ended == "partly_compensated"), f"{case}: {stands} stand, and it ended {ended}"
    return counts
