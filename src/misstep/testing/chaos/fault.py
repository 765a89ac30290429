"""A fault: something bad that begins, may go on doing harm, and ends."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

Site = TypeVar("Site")


class NotHere(Exception):  # as MisstepError's kin: what it says, not what it is
    """This fault cannot be made on this machine; its text says why."""


class Fault(ABC, Generic[Site]):
    """One fault at a site. An object is used for one occurrence: it may keep what `end` needs."""

    name: ClassVar[str]
    what: ClassVar[str]
    """In a few words, for the report."""
    touches: ClassVar[frozenset[str]] = frozenset()
    """What it breaks: two faults that touch the same are not mixed."""
    seconds: ClassVar[float] = 10.0
    """How long it lasts by default."""

    @abstractmethod
    def start(self, site: Site, chance: random.Random) -> str:
        """Begin; returns what was hit, in a few words. Raises NotHere."""

    def during(self, site: Site, chance: random.Random) -> None:  # most faults only begin and end
        """Called about every second between `start` and `end`."""

    @abstractmethod
    def end(self, site: Site) -> None:
        """Mend what was broken; called once, also after a failed `start`."""
