"""One answer to each version of a case, at every interleaving of those who could give it.

A model of the protocol with the real decision (`what_to_do`) in the middle: an agent that can crash and return, the
watchdog that writes a stand-in, waits and acts, an operator who cancels. Time is an order of steps; all orders are
tried. What is assumed is what `WAIT_S` stands for: before the watchdog acts, an agent that is alive has seen the
stand-in, and what it had finished before it did is committed. And what a worker promises: it reads the control topic to
its end before it takes work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from misstep.contracts.control import Mark, StandIn, what_to_do

AT = "2026-01-01T00:00:00Z"
VERSION = 3
MARK = Mark(action="cancel", actor="ann", reason="r", at=AT)


@dataclass(frozen=True)
class Said:
    """What the control topic says, or what the agent knows of it."""

    mark: Mark | None = None
    stand_in: StandIn | None = None


@dataclass(frozen=True)
class World:
    """Everything that is, in one moment."""

    alive: bool
    turn: str = "unread"
    """The agent's: unread, running, stopping, finished running, finished stopping, done."""
    known: Said = Said()
    written: Said = Said()
    answers: tuple[str, ...] = ()
    """What was written in answer to the version, by whom."""
    dog: str = "asleep"
    operator: str = "idle"
    crashes: int = 0


def agent_steps(world: World) -> list[World]:
    """What the agent can do next."""
    if not world.alive:
        return [replace(world, alive=True, known=world.written)]
    found = []
    if world.known != world.written:
        found.append(replace(world, known=world.written))
    if world.turn != "done" and world.crashes < 2:
        found.append(replace(world, alive=False, turn="unread", crashes=world.crashes + 1))
    what = what_to_do(world.known.mark, world.known.stand_in, "x", VERSION)
    if world.turn == "unread":
        after = {"run": "running", "stop": "stopping", "leave": "done"}[what]
        found.append(replace(world, turn=after))
    elif world.turn in ("running", "stopping"):  # what is finished is looked at once more
        found.append(replace(world, turn="done" if what == "leave" else f"finished {world.turn}"))
    elif world.turn.startswith("finished"):
        found.append(replace(world, turn="done", answers=(*world.answers, world.turn.split()[1])))
    return found


def watchdog_steps(world: World) -> list[World]:
    """What the watchdog can do next."""
    if world.dog == "asleep":
        if world.answers:
            return []
        because = world.written.mark or Mark(action="deadline", actor="watchdog", reason="r", at=AT)
        stand_in = StandIn(**because.model_dump(), version=VERSION, agents=("x",))
        return [replace(world, dog="waiting", written=replace(world.written, stand_in=stand_in))]
    if world.dog != "waiting":
        return []
    if world.alive and (world.known != world.written or world.turn.startswith("finished")):
        return []  # WAIT_S is not over
    assert world.written.stand_in is not None
    if world.answers:
        return [replace(world, dog="over", written=replace(world.written, stand_in=None))]
    acted = world.written.stand_in.model_copy(update={"acted": True})
    return [
        replace(world, dog="over", answers=("watchdog",), written=replace(world.written, stand_in=acted)),
    ]


def operator_steps(world: World) -> list[World]:
    """What the operator can do next."""
    if world.operator == "over":
        return []
    return [replace(world, operator="over", written=replace(world.written, mark=MARK))]


def explore(start: World) -> tuple[set[World], set[tuple[str, ...]]]:
    """Every world that can come to be, and the answers of those where nothing is left to happen."""
    seen: set[World] = set()
    ends: set[tuple[str, ...]] = set()
    waiting = [start]
    while waiting:
        world = waiting.pop()
        if world in seen:
            continue
        seen.add(world)
        assert len(world.answers) <= 1, f"answered twice: {world}"
        following = [*agent_steps(world), *watchdog_steps(world), *operator_steps(world)]
        if not following:
            assert len(world.answers) == 1, f"nobody answered: {world}"
            ends.add(world.answers)
        waiting += following
    return seen, ends


@pytest.mark.parametrize("alive", [True, False])
def test_at_every_interleaving_a_version_is_answered_once(alive: bool) -> None:
    seen, ends = explore(World(alive=alive))
    assert ends == {("running",), ("stopping",), ("watchdog",)}
    assert len(seen) > 100


def test_the_model_finds_what_a_missing_rule_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """If an agent did not leave alone what the watchdog stands in for, a version would be answered twice."""
    monkeypatch.setattr(
        "tests.control.test_interleavings.what_to_do",
        lambda mark, stand_in, agent, version: "stop" if mark else "run",
    )
    with pytest.raises(AssertionError, match="answered twice"):
        explore(World(alive=True))
