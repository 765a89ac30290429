"""Where the next event of a partition will stand: a producer that has a partition to itself can tell.

An event's history names where its parents stand. To be told by the broker costs two requests for each turn of a chain,
one after the other; to foresee it costs none, and what was foreseen is compared with what the broker says before
anything is committed (`writing.py`). Only partitions in which the last guesses were right are trusted, so a partition
that several workers write to costs a wrong guess now and then, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RIGHT_BEFORE: Final = 2
"""So many transactions in a row a partition's records stood where they were expected, before that is relied on."""


class Misplaced(Exception):
    """An event stands elsewhere than foreseen: its transaction must not be committed."""


@dataclass(slots=True)
class _Log:
    first: int | None = None
    """Where the first record of this transaction stands, if nobody else has written since."""
    written: int = 0
    """Records of this transaction."""
    stood: int | None = None
    """Where its first record does stand, as the broker said."""
    right: int = 0
    """Transactions in a row that began where they were expected to."""


class Foresight:
    """What one producer knows of the partitions that it writes to. (Commit thread.)"""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, int], _Log] = {}

    def place(self, topic: str, partition: int) -> tuple[int, int | None]:
        """Note that a record is handed over. Returns which one of its transaction and partition it is, from 0 on, and
        the offset at which it will stand, where that can be foreseen."""
        log = self._logs.get((topic, partition))
        if log is None:
            log = self._logs[topic, partition] = _Log()
        index = log.written
        log.written += 1
        if log.first is None or log.right < RIGHT_BEFORE:
            return index, None
        return index, log.first + index

    def stands(self, topic: str, partition: int, index: int, offset: int) -> None:
        """The broker has said where a record stands."""
        self._logs[topic, partition].stood = offset - index

    def committed(self) -> None:
        """The transaction is over: its marker takes one place in each of its partitions."""
        for log in self._logs.values():
            if not log.written:
                continue
            if log.stood is not None:
                log.right = log.right + 1 if log.stood == log.first else 0
                log.first = log.stood
            if log.first is not None:
                log.first += log.written + 1
            log.written, log.stood = 0, None

    def forget(self) -> None:
        """The transaction was given up, or the producer: what it wrote, and where, is not known."""
        self._logs.clear()
