"""A rehearsal takes what the test does not bring from the wiring of the project that is mounted."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, NewType, Protocol

import pytest

from misstep.errors import UsageError
from misstep.saga.mount import mount_rooms, unmount_rooms
from misstep.saga.rooms import import_room
from misstep.testing import rehearse
from misstep.testing.stand_ins import fits

AGENTS = """
    from typing import Protocol
    from misstep import Contract, Turn, agent

    class Word(Contract, name="words.word", version="1.0"):
        text: str

    class Counted(Contract, name="words.counted", version="1.0"):
        seen: int

    class Memory(Protocol):
        def add(self, text: str) -> int: ...

    class InMemory:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def add(self, text: str) -> int:
            self.seen.append(text)
            return len(self.seen)

    @agent(budget="1s")
    def count(turn: Turn[Word], memory: Memory) -> Counted:
        return Counted(seen=memory.add(turn.payload.text))
"""
WIRING = """
    from collections.abc import AsyncIterator
    from misstep import Wiring
    from rooms.agents.words import InMemory, Memory

    wiring = Wiring()

    @wiring.provides({stand_in})
    async def memory() -> AsyncIterator[Memory]:
        raise ConnectionError("no rehearsal opens this")
        yield InMemory()
"""
SAGA = """
    from misstep import Choreography, dead_letter
    from rooms.agents.words import Word, count

    words = Choreography("words", starts=Word, deadline="1m")
    words.on(count, latency_blow=dead_letter, waive="it only counts")
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "rooms"}
    yield tmp_path
    unmount_rooms()
    sys.modules.update(before)


def mounted(root: Path, *, stand_in: str) -> ModuleType:
    (root / "pyproject.toml").touch()
    for file, text in (
        ("agents/words.py", AGENTS),
        ("agents/wiring.py", WIRING.replace("{stand_in}", stand_in)),
        ("saga/words.py", SAGA),
    ):
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(dedent(text))
    mount_rooms(root)
    return import_room(root, "rooms.saga.words")


def seen(story: Any) -> int:
    count: int = story.turns[0].payload["seen"]
    return count


def test_the_wirings_stand_in_is_made_anew_for_each_rehearsal(project: Path) -> None:
    saga = mounted(project, stand_in="stand_in=InMemory")
    assert [seen(rehearse(saga.words, {"text": "one"})) for _ in range(2)] == [1, 1]


def test_what_the_test_brings_wins(project: Path) -> None:
    saga = mounted(project, stand_in="stand_in=InMemory")

    class Full:
        def add(self, text: str) -> int:
            return 99

    assert seen(rehearse(saga.words, {"text": "one"}, dependencies=[Full()])) == 99


def test_a_provider_without_a_stand_in_is_named_with_what_to_do(project: Path) -> None:
    saga = mounted(project, stand_in="")
    with pytest.raises(UsageError, match=r"count needs memory: Memory; give its provider at .*wiring.py:8 a stand_in="):
        rehearse(saga.words, {"text": "one"})


def test_a_stand_in_of_another_kind_is_named(project: Path) -> None:
    saga = mounted(project, stand_in="stand_in=dict")
    with pytest.raises(UsageError, match="its stand-in is a dict, which is no Memory"):
        rehearse(saga.words, {"text": "one"})


def test_a_stand_in_that_makes_nothing_is_refused_where_it_is_declared(project: Path) -> None:
    mounted_saga = mounted(project, stand_in="stand_in=InMemory()")
    with pytest.raises(UsageError, match="give it the class"):
        rehearse(mounted_saga.words, {"text": "one"})


class Named(Protocol):
    name: str


class Caller(Named, Protocol):
    def call(self) -> None: ...


class Phone:
    name = "phone"

    def call(self) -> None: ...


class Letter:
    name = "letter"


Key = NewType("Key", str)


@pytest.mark.parametrize(
    ("one", "kind", "fitting"),
    [
        (Phone(), Phone, True),
        (Letter(), Phone, False),
        (Phone(), Caller, True),
        (Letter(), Caller, False),
        (Letter(), Named, True),
        (object(), Named, False),
        ("k", Key, True),
        (1, Key, False),
        ([], list[str], True),
        ({}, list[str], False),
        (Phone(), Letter | None, False),
        (Phone(), Caller | None, True),
        (Phone(), Any, True),
    ],
)
def test_a_stand_in_fits_by_its_type_or_by_the_members_of_a_protocol(one: object, kind: Any, fitting: bool) -> None:
    assert fits(one, kind) is fitting
