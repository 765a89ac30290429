"""All readers of one agent, held and let go together."""

from __future__ import annotations

from collections.abc import Sequence

from misstep.agents.worker.reader import Reader


class Readers:
    """They stand still and go on as one."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def hold(self, why: str) -> None:
        """See Reader.hold."""
        for reader in self._readers:
            reader.hold(why)

    def release(self, why: str) -> None:
        """See Reader.release."""
        for reader in self._readers:
            reader.release(why)

    @property
    def held_because(self) -> list[str]:
        """See Reader.held_because."""
        return self._readers[0].held_because

    @property
    def under_way(self) -> int:
        """See Reader.under_way."""
        return sum(reader.under_way for reader in self._readers)
