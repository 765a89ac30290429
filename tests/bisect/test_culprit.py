"""The first bad version is found, in log2 steps, along rows, across forks, around what says nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from misstep.cli.bisect import most_steps
from misstep.store.case_story import StoryVersion
from misstep.store.culprit import Search, find_culprit
from tests.bisect.histories import row, version


def bad_from(
    *begin: StoryVersion, of: list[StoryVersion], silent: set[str] = frozenset()
) -> Callable[..., bool | None]:  # type: ignore[assignment]
    """A judge that finds bad what is, or follows from, one of `begin`, and has nothing to hear from `silent`."""
    bad = {one.hash for one in begin}
    for one in sorted(of, key=lambda one: one.version):
        if any(name in bad for name in (one.prev_hash or "").split(",")):
            bad.add(one.hash)
    return lambda one: None if one.agent in silent else one.hash not in bad


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 63, 64, 65, 100])
def test_every_culprit_of_a_row_is_named_in_log2_steps(length: int) -> None:
    versions = row(length)
    for culprit in versions:
        search = find_culprit(versions, bad_from(culprit, of=versions))
        assert search.culprit is culprit
        assert search.ends == 1
        assert search.steps <= most_steps(len(versions))
        assert [one.version for one in search.last_good] == ([culprit.version - 1] if culprit.version else [])


def test_no_version_is_judged_twice_and_a_good_case_has_no_culprit() -> None:
    versions = row(40)
    asked: list[str] = []

    def judge(one: StoryVersion) -> bool:
        asked.append(one.hash)
        return True

    search = find_culprit(versions, judge)
    assert (search.culprit, len(asked)) == (None, 1)
    assert find_culprit(versions, lambda one: None).culprit is None
    assert find_culprit([], judge).culprit is None


def test_failures_and_undos_are_stepped_over() -> None:
    first = version(0, "cases", kind="case")
    failed = version(1, "a", first, reason="rubric_fail")
    second = version(2, "b", failed)
    undone = version(3, "b", second, kind="undo")
    ended = version(4, "outcomes", undone, kind="outcome")
    versions = [first, failed, second, undone, ended]
    search = find_culprit(versions, bad_from(second, of=versions))
    assert search.culprit is second
    assert search.last_good == (first,)
    assert search.searched == 2


def forked() -> dict[str, StoryVersion]:
    """case, open, a fork of a two-step and a one-step branch, their join, and two more."""
    case = version(0, "cases", kind="case")
    opened = version(1, "open", case)
    left = version(2, "left", opened)
    middle = version(2, "middle", opened)
    right = version(3, "right", middle)
    met = version(4, "meet", left, right)
    sent = version(5, "send", met)
    return {one.agent: one for one in (case, opened, left, middle, right, met, sent, version(6, "end", sent))}


@pytest.mark.parametrize("culprit", list(forked()))
def test_a_culprit_before_on_and_after_a_fork_is_named(culprit: str) -> None:
    versions = forked()
    search = find_culprit(list(versions.values()), bad_from(versions[culprit], of=list(versions.values())))
    assert search.culprit is not None
    assert search.culprit.agent == culprit


def test_a_join_that_spoils_what_its_branches_said_well_is_named_with_both() -> None:
    versions = forked()
    search = find_culprit(list(versions.values()), bad_from(versions["meet"], of=list(versions.values())))
    assert search.culprit is versions["meet"]
    assert {one.agent for one in search.last_good} == {"left", "right"}


def test_what_says_nothing_is_stepped_around() -> None:
    versions = row(30)
    judge = bad_from(versions[17], of=versions, silent={"agent_2", "agent_5"})  # 16, 19, 23 and so on
    assert find_culprit(versions, judge).culprit is versions[17]
    hidden: Search = find_culprit(versions, bad_from(versions[16], of=versions, silent={"agent_2", "agent_5"}))
    assert hidden.culprit is versions[17], "the first that says anything bad"
    assert [one.version for one in hidden.silent] == [16]
    assert [one.version for one in hidden.last_good] == [15]


def test_a_branch_whose_end_says_nothing_is_looked_into() -> None:
    versions = forked()
    judge = bad_from(versions["middle"], of=list(versions.values()), silent={"right"})
    assert find_culprit(list(versions.values()), judge).culprit is versions["middle"]


def test_the_last_version_may_say_nothing() -> None:
    versions = [*row(6), version(7, "quiet", row(6)[-1])]
    assert find_culprit(versions, bad_from(versions[3], of=versions, silent={"quiet"})).culprit is versions[3]


def test_a_case_that_broke_on_one_of_two_open_branches_is_found() -> None:
    versions = [one for name, one in forked().items() if name not in ("meet", "send", "end")]
    left = next(one for one in versions if one.agent == "left")
    assert find_culprit(versions, bad_from(left, of=versions)).culprit is left
