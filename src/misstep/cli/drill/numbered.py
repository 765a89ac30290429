"""Numbered cases of the five agents, published at a rate for a while."""

from __future__ import annotations

from collections.abc import Callable

from misstep.cli.drill.five_agents import Asked
from misstep.cli.drill.pace import Pace


class Numbered:
    """Publishes `case-00000`, `case-00001` and so on."""

    def __init__(self, pace: Pace, padding: int = 0) -> None:
        """padding: letters that each case carries beside its number."""
        self._pace = pace
        self._padding = "x" * padding
        self.next = 0
        """Number of the next case."""

    def publish(self, per_second: float, seconds: float, after_each: Callable[[], None] = lambda: None) -> range:
        """Publish at this rate for so long; the numbers that were published."""
        first, count = self.next, max(1, round(per_second * seconds))
        for number in range(first, first + count):
            value = Asked(number=number, padding=self._padding).model_dump_json().encode()
            self._pace.one(case_name(number), value, per_second)
            after_each()
        self._pace.acknowledged()
        self.next += count
        return range(first, self.next)


def case_name(number: int) -> str:
    """A case's id."""
    return f"case-{number:05}"
