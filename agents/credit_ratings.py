"""Where ratings are kept: in a mutable cache that all agents share, or nowhere but in the case's own versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class SaysPoints(Protocol):
    """A version of a case that holds its rating."""

    @property
    def application_id(self) -> str: ...
    @property
    def points(self) -> int: ...


class Ratings(Protocol):
    """Keeps the rating of an application."""

    async def write(self, application_id: str, points: int) -> None:
        """The rating is this, from now on."""
        ...

    async def current(self, said: SaysPoints) -> int:
        """The rating as it is now, for the agent that was handed this version."""
        ...


class SharedCache:
    """A table, and a cache before it that lives until it is told to forget.

    Nothing is wrong with its code. A message that tells it to forget can be lost, as messages are.
    """

    def __init__(self, loses: Callable[[str], bool]) -> None:
        """loses: is the message lost for this application?"""
        self._loses = loses
        self._table: dict[str, int] = {}
        self._cache: dict[str, int] = {}

    async def write(self, application_id: str, points: int) -> None:
        self._table[application_id] = points
        if not self._loses(application_id):
            self._cache.pop(application_id, None)

    async def current(self, said: SaysPoints) -> int:
        return self._cache.setdefault(said.application_id, self._table[said.application_id])


class StateVersions:
    """The rating stands in the version that an agent is handed, which nobody can change.

    The cache is written all the same, and loses the same messages: who does not read it does not mind.
    """

    def __init__(self, beside: SharedCache) -> None:
        self._beside = beside

    async def write(self, application_id: str, points: int) -> None:
        await self._beside.write(application_id, points)

    async def current(self, said: SaysPoints) -> int:
        return said.points
