"""The window: what was delivered of one partition and is not yet behind the base.

Two threads share it without a lock because each field has one writer: the reader appends deliveries, the committer
marks what is finished and moves the base.
"""

from __future__ import annotations

from collections import deque

from misstep.bus.progress import Progress, pack


class Window:
    """One assigned partition of one agent."""

    __slots__ = (
        "_base",
        "_before",
        "_beyond",
        "_committed",
        "_delivered",
        "_offsets",
        "_proposed",
        "attempts",
        "earlier_attempts",
        "next_offset",
        "open",
        "partition",
        "paused",
        "revoked",
        "skipped",
        "topic",
        "tried",
    )

    def __init__(self, topic: str, partition: int, progress: Progress) -> None:
        assert progress.base is not None
        self.topic = topic
        self.partition = partition
        self.next_offset = progress.base
        """Offset after the last message delivered. (Reader.)"""
        self.paused = False
        self.revoked = False
        """True once the partition is no longer this worker's: whatever is still under way for it is dropped."""
        self.attempts: dict[int, tuple[int, int]] = {}
        """Attempts made on unfinished messages, by position. (Whoever runs the turn.)"""
        self.earlier_attempts = dict(progress.attempts)
        """Attempts that an earlier owner made, by position; taken out when the message is delivered. (Reader.)"""
        self.open: set[int] = set()
        """Positions whose turn is running or waiting. (Add and discard are atomic.)"""
        self.skipped: deque[int] = deque()
        """Positions that were not for this agent; the reader appends, the committer takes."""
        self.tried = False
        """An attempt was made since the last commit."""
        self._committed = (progress.base, "")
        self._proposed = self._committed
        self._delivered = 0
        self._base = 0
        self._offsets: deque[int] = deque()
        self._before = frozenset(progress.finished_positions())
        self._beyond = set(self._before)

    def deliver(self, offset: int) -> int:
        """Take note of a message; returns its position. (Reader.)"""
        self._offsets.append(offset)
        self.next_offset = offset + 1
        position = self._delivered
        self._delivered = position + 1
        return position

    def finished_before(self, position: int) -> bool:
        """Did an earlier owner finish this message? (Reader.)"""
        return position in self._before

    @property
    def span(self) -> int:
        """Messages from the base to the last one delivered."""
        return len(self._offsets)

    def finish(self, position: int) -> None:
        """A message is done with; saying so again, after an aborted transaction, changes nothing. (Committer.)"""
        if position >= self._base:
            self._beyond.add(position)

    @property
    def behind(self) -> bool:
        """Is there progress that no commit has said yet?"""
        return bool(self.skipped) or self.tried or self._proposed != self._committed

    def opening(self, owner: str) -> tuple[int, str]:
        """What a new owner signs the partition with: the progress that it found, under its own name."""
        self._proposed = self._committed = (self._committed[0], self._metadata(owner))
        return self._committed

    def propose(self, owner: str) -> tuple[int, str] | None:
        """Offset and metadata for the next commit; None when they are what the last one said. (Committer.)"""
        self.tried = False
        self._proposed = (self._advance(), self._metadata(owner))
        return None if self._proposed == self._committed else self._proposed

    def confirm(self) -> None:
        """What was proposed is committed. (Committer.)"""
        self._committed = self._proposed

    def _advance(self) -> int:
        """Move the base over everything finished; returns the offset to commit."""
        beyond, offsets, base = self._beyond, self._offsets, self._base
        skipped = self.skipped
        while skipped:
            beyond.add(skipped.popleft())
        next_offset = self.next_offset
        while base in beyond and offsets:
            beyond.remove(base)
            offsets.popleft()
            base += 1
        self._base = base
        return offsets[0] if offsets else next_offset

    def _metadata(self, owner: str) -> str:
        """What to write beside the base."""
        base, beyond = self._base, self._beyond
        finished = bytearray((max(beyond) - base) // 8 + 1 if beyond else 0)
        for position in beyond:
            ahead = position - base
            finished[ahead >> 3] |= 1 << (ahead & 7)
        attempts = {}
        for tried in (self.earlier_attempts, self.attempts):
            for position, made in dict(tried).items():  # a copy: its writer goes on meanwhile
                if position >= base and position not in beyond:
                    attempts[position - base] = made
        return pack(owner, bytes(finished), attempts)
