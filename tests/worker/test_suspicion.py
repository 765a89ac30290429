"""Suspicion narrows down with each death, survives in commit metadata, and ends with what it was about."""

from hypothesis import given
from hypothesis import strategies as st

from misstep.bus.progress import METADATA_MAX_CHARS, WINDOW_MAX_MESSAGES, life_of, pack, unpack
from misstep.bus.suspicion import (
    KILLS,
    NOTHING,
    POSITIONS_MAX,
    SEEN,
    Suspicion,
    after_a_change,
    after_a_death,
    read,
    text_of,
)
from misstep.bus.window import Window

positions = st.frozensets(st.integers(0, WINDOW_MAX_MESSAGES - 1), max_size=POSITIONS_MAX)
suspicions = st.builds(
    Suspicion,
    until=st.integers(1, 2**48),
    since_s=st.integers(0, 2**32),
    running=positions,
    alone=st.booleans(),
    seen=positions,
    killers=positions,
)


@given(suspicions)
def test_what_is_suspected_is_read_back(suspicion: Suspicion) -> None:
    assert read(text_of(suspicion)) == suspicion


@given(st.text(max_size=40))
def test_what_cannot_be_read_suspects_nothing(text: str) -> None:
    assert isinstance(read(text), Suspicion)


def test_the_fullest_suspicion_fits_beside_the_fullest_window() -> None:
    import random

    chance = random.Random(1)
    finished = chance.randbytes(WINDOW_MAX_MESSAGES // 8)
    many = frozenset(range(WINDOW_MAX_MESSAGES - POSITIONS_MAX, WINDOW_MAX_MESSAGES))
    suspicion = Suspicion(2**48, 2**32, many, False, many, frozenset({7}))
    packed = pack("n" * 200, finished, {1: (2, 3)}, life_of("abcdef", left=False, suspicion=suspicion))
    assert len(packed) <= METADATA_MAX_CHARS
    assert unpack(0, packed).suspicion == suspicion
    assert unpack(0, packed).finished == finished


def test_three_deaths_the_last_one_alone_make_a_killer() -> None:
    first = after_a_death(NOTHING, end=100, now_s=5)
    assert [first.deaths(3, 50), first.deaths(60, 120)] == [1, 0]
    company = Suspicion(first.until, first.since_s, running=frozenset({3, 4}))
    second = after_a_death(company, end=130, now_s=9)
    assert [second.deaths(3, 50), second.deaths(4, 51), second.deaths(60, 120)] == [SEEN, SEEN, 1]
    lonely = Suspicion(second.until, second.since_s, frozenset({3}), True, second.seen)
    third = after_a_death(lonely, end=130, now_s=12)
    assert [third.deaths(3, 50), third.deaths(4, 51)] == [KILLS, SEEN]
    assert third.since_s == 5


@given(st.lists(positions, max_size=6))
def test_who_never_ran_alone_is_never_a_killer(deaths: list[frozenset[int]]) -> None:
    """Given any number of processes that die, from inside or outside, with others running beside it."""
    suspicion = NOTHING
    for running in deaths:
        suspicion = after_a_death(
            Suspicion(suspicion.until, suspicion.since_s, running, seen=suspicion.seen), end=20_000, now_s=1
        )
    assert not suspicion.killers


def test_a_change_of_hands_without_a_death_counts_none() -> None:
    before = Suspicion(100, 5, frozenset({3}), True, frozenset({3, 4}))
    after = after_a_change(before)
    assert after.deaths(3, 50) == SEEN
    assert after_a_death(after, end=100, now_s=9).deaths(3, 50) == SEEN


def test_marks_say_nothing_that_is_not_committed() -> None:
    """A transaction that was aborted had finished position 0; a plain commit in between must not say so."""
    found = unpack(100, pack("me", b"", {}, life_of("old", left=False, suspicion=Suspicion(until=200))))
    window = Window("t", 0, found, "new")
    window.opening("me")
    for offset in range(100, 104):
        window.deliver(offset)
    window.finish(0)
    window.propose("me")  # and then it is aborted
    window.mark(frozenset({2}), alone=True)
    offset, metadata = window.marking()
    assert offset == 100
    again = unpack(offset, metadata)
    assert again.finished == b""
    assert (again.suspicion.running, again.suspicion.alone) == (frozenset({2}), True)
    window.confirm_marking((offset, metadata))
    assert window.behind
    offset, metadata = window.propose("me") or (0, "")
    assert offset == 101
    assert unpack(offset, metadata).suspicion.running == {1}


def test_suspicion_ends_with_the_last_message_that_it_was_about() -> None:
    found = unpack(100, pack("me", b"", {}, life_of("old", left=False, suspicion=Suspicion(until=103))))
    window = Window("t", 0, found, "new")
    window.opening("me")
    for position, offset in enumerate(range(100, 105)):
        window.deliver(offset)
        assert window.deaths(position, offset) == (1 if offset < 103 else 0)
        window.finish(position)
    offset, metadata = window.propose("me") or (0, "")
    assert unpack(offset, metadata).suspicion == NOTHING


def test_who_says_that_it_leaves_has_not_died() -> None:
    window = Window("t", 0, unpack(100, ""), "new")
    window.opening("me")
    assert not unpack(*window.marking()).left
    window.leave()
    assert window.behind
    assert unpack(*(window.propose("me") or (0, ""))).left
