"""Which state version of a case is the first bad one: a search in log2 steps, as plain functions of the history.

Once a version is bad, what follows from it is bad too: that is what the search rests on, as git bisect does. Branches
of a fork are searched where they are met: a case is cut at the versions that all of its ways go through, and only when
the fault lies between two of these are the branches between them looked into.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from misstep.store.case_story import StoryVersion

Judge = Callable[[StoryVersion], bool | None]
"""Is this version good? None: it says nothing about that."""

KINDS = frozenset(("case", "turn", "operator"))
"""What adds to a case; undos and outcomes take nothing over."""
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Probe:
    """One version that was judged."""

    version: StoryVersion
    good: bool | None


@dataclass(slots=True)
class Search:
    """What was looked at, and what was found."""

    searched: int
    """Versions that the search was over."""
    probes: list[Probe] = field(default_factory=list)
    ends: int = 0
    """How many of the probes, the first ones, only found a bad version to begin with."""
    culprit: StoryVersion | None = None
    """The first bad version; None: no version is bad."""
    last_good: tuple[StoryVersion, ...] = ()
    """What the culprit followed from; empty: it is the case as it came in."""
    silent: tuple[StoryVersion, ...] = ()
    """Versions just before the culprit that say nothing: each of them may be the one that began it."""

    @property
    def steps(self) -> int:
        """Probes that the search took."""
        return len(self.probes) - self.ends


def find_culprit(versions: Sequence[StoryVersion], judge: Judge) -> Search:
    """Search the versions of one case for the first bad one. `judge` is asked about each version once at most."""
    parents = _parents(versions)
    candidates = sorted((one for one in versions if one.hash in parents), key=_when)
    search = Search(len(candidates))
    judged: dict[str, bool | None] = {}

    def ask(version: StoryVersion) -> bool | None:
        if version.hash not in judged:
            judged[version.hash] = judge(version)
            search.probes.append(Probe(version, judged[version.hash]))
        return judged[version.hash]

    begin = _bad_end(candidates, parents, ask)
    search.ends = len(search.probes)
    if begin is not None:
        search.searched = len(_ancestors(begin, parents, None))
        _search(search, begin, None, parents, ask)
    return search


def _search(
    search: Search, bad: StoryVersion, after: StoryVersion | None, parents: Mapping[str, list[StoryVersion]], ask: Judge
) -> None:
    """Find the first bad version among `bad` and what it follows from, later than `after`, which is good."""
    chain = _cuts(bad, after, parents)
    low, high = -1, len(chain) - 1
    while high - low > 1:
        middle = (low + high) // 2
        # A version that says nothing is stepped around: the nearest that says something is as good a cut.
        for place in sorted(range(low + 1, high), key=lambda one: abs(one - middle)):
            good = ask(chain[place])
            if good is not None:
                break
        else:
            break
        if good:
            low = place
        else:
            high = place
    first = chain[high]
    before = parents[first.hash]
    if len(before) > 1:
        since = chain[low] if low >= 0 else after
        for branch in sorted(before, key=lambda one: one.occurred_at):
            bad_there = _bad_end(sorted(_ancestors(branch, parents, since), key=_when), parents, ask)
            if bad_there is not None:
                _search(search, bad_there, since, parents, ask)
                return
    search.culprit = first
    search.silent = tuple(chain[low + 1 : high])
    search.last_good = (chain[low],) if search.silent and low >= 0 else tuple(before)


def _bad_end(
    candidates: Sequence[StoryVersion], parents: Mapping[str, list[StoryVersion]], ask: Judge
) -> StoryVersion | None:
    """A bad version at an end of the history: the newest that says anything, of each way that the case went."""
    followed: set[str] = set()
    for version in reversed(candidates):
        if version.hash in followed:
            continue
        good = ask(version)
        if good is False:
            return version
        if good:  # what it follows from was good as well
            followed |= {one.hash for one in _ancestors(version, parents, None)}
    return None


def _parents(versions: Sequence[StoryVersion]) -> dict[str, list[StoryVersion]]:
    """Hash of each version that may be judged -> those of them that it follows from, failures stepped over."""
    by_hash = {one.hash: one for one in versions}

    def before(version: StoryVersion, seen: frozenset[str]) -> list[StoryVersion]:
        found: dict[str, StoryVersion] = {}
        for name in _HASH.findall(version.prev_hash or ""):
            parent = by_hash.get(name)
            if parent is None or name in seen:
                continue
            for one in [parent] if _adds(parent) else before(parent, seen | {name}):
                found[one.hash] = one
        return list(found.values())

    return {one.hash: before(one, frozenset({one.hash})) for one in versions if _adds(one)}


def _adds(version: StoryVersion) -> bool:
    return version.kind in KINDS and not version.failed


def _when(version: StoryVersion) -> tuple[int, int, str]:
    return version.epoch, version.version, version.agent


def _ancestors(
    version: StoryVersion, parents: Mapping[str, list[StoryVersion]], after: StoryVersion | None
) -> list[StoryVersion]:
    """The version and all that it follows from, back to `after`, which is left out."""
    found = {version.hash: version}
    waiting = [version]
    while waiting:
        for parent in parents[waiting.pop().hash]:
            if parent.hash not in found and (after is None or parent.hash != after.hash):
                found[parent.hash] = parent
                waiting.append(parent)
    return list(found.values())


def _cuts(
    version: StoryVersion, after: StoryVersion | None, parents: Mapping[str, list[StoryVersion]]
) -> list[StoryVersion]:
    """The versions that every way to this one goes through, oldest first, itself the last."""
    inside = {one.hash for one in _ancestors(version, parents, after)}
    cuts: list[StoryVersion] = []
    open_ways = {version.hash: version}
    while open_ways:
        # The newest first: a version's number is higher than that of all it follows from.
        newest = max(open_ways.values(), key=_when)
        if len(open_ways) == 1:
            cuts.append(newest)
        del open_ways[newest.hash]
        open_ways |= {one.hash: one for one in parents[newest.hash] if one.hash in inside}
    return cuts[::-1]
