"""The window: what was delivered of one partition and is not yet behind the base.

Two threads share it without a lock because each field has one writer: the reader appends deliveries, the committer
marks what is finished and moves the base.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from misstep.bus.progress import Progress, life_of, pack, with_life
from misstep.bus.suspicion import Suspicion


class Window:
    """One assigned partition of one agent."""

    __slots__ = (
        "_base",
        "_before",
        "_beyond",
        "_committed",
        "_committed_base",
        "_delivered",
        "_incarnation",
        "_leaving",
        "_marked",
        "_offsets",
        "_proposed",
        "_proposed_base",
        "_suspicion",
        "answered",
        "attempts",
        "born",
        "earlier_attempts",
        "next_offset",
        "open",
        "partition",
        "paused",
        "revoked",
        "skipped",
        "suspected",
        "topic",
        "tried",
    )

    def __init__(self, topic: str, partition: int, progress: Progress, incarnation: str = "") -> None:
        """incarnation: names the process that owns it now."""
        assert progress.base is not None
        self.topic = topic
        self.partition = partition
        self.next_offset = progress.base
        """Offset after the last message delivered. (Reader.)"""
        self.born = 0
        """Which assignment brought it: what was read before is not for this window. (Reader.)"""
        self.paused = False
        self.revoked = False
        """True once the partition is no longer this worker's: whatever is still under way for it is dropped."""
        self.attempts: dict[int, tuple[int, int]] = {}
        """Attempts made on unfinished messages, by position. (Whoever runs the turn.)"""
        self.earlier_attempts = dict(progress.attempts)
        """Attempts that an earlier owner made, by position; taken out when the message is delivered. (Reader.)"""
        self.answered: Mapping[int, bytes] = {}
        """Offsets whose messages were answered, whatever is committed, and the ids of their cases. (Reader.)"""
        self.open: set[int] = set()
        """Positions whose turn is running or waiting. (Add and discard are atomic.)"""
        self.skipped: deque[int] = deque()
        """Positions that were not for this agent; the reader appends, the committer takes."""
        self.tried = False
        """An attempt was made since the last commit."""
        self.suspected = progress.base < progress.suspicion.until
        """Some of its messages may have killed a process."""
        self._suspicion = progress.suspicion
        self._marked = (frozenset[int](), False)
        """Positions of suspected messages that are being run, and whether that is one that runs alone. (Reader.)"""
        self._incarnation = incarnation
        self._leaving = False
        self._committed = (progress.base, "")
        self._proposed = self._committed
        self._committed_base = self._proposed_base = 0
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

    def deaths(self, position: int, offset: int) -> int:
        """In how many processes that died this message was, as far as is known. (Reader.)"""
        return self._suspicion.deaths(position, offset)

    @property
    def suspected_since_s(self) -> int:
        """When the first of these deaths was noticed, in seconds since 1970."""
        return self._suspicion.since_s

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
        self._proposed = self._committed = (self._committed[0], self._metadata(owner, self._committed[0]))
        return self._committed

    def propose(self, owner: str) -> tuple[int, str] | None:
        """Offset and metadata for the next commit; None when they are what the last one said. (Committer.)"""
        self.tried = False
        offset = self._advance()
        self._proposed_base = self._base
        self._proposed = (offset, self._metadata(owner, offset))
        return None if self._proposed == self._committed else self._proposed

    def confirm(self) -> None:
        """What was proposed is committed. (Committer.)"""
        self._committed = self._proposed
        self._committed_base = self._proposed_base

    # -- what may kill a process --------------------------------------------------------------------------------------

    def mark(self, running: frozenset[int], *, alone: bool) -> None:
        """These suspected messages are being run from now on. (Reader; committed by `marking`, or before it.)"""
        self._marked = running, alone

    @property
    def marked(self) -> frozenset[int]:
        """The suspected messages that are being run. (Reader.)"""
        return self._marked[0]

    def marking(self) -> tuple[int, str]:
        """Offset and metadata that say again what is committed, with the marks of this moment.

        For a plain commit between two transactions, so nothing may be in it that is not committed yet: what an aborted
        transaction had finished is not.
        """
        offset, metadata = self._committed
        return offset, with_life(metadata, self._life(self._committed_base, offset))

    def confirm_marking(self, committed: tuple[int, str]) -> None:
        """The marks are committed. (Reader, while no transaction is open.)"""
        if self._proposed == self._committed:
            self._proposed = committed
        self._committed = committed

    def settled(self, position: int) -> bool:
        """Is a message finished, and that committed? (Whoever holds the commit lock.)"""
        return (position < self._base or position in self._beyond) and self._proposed == self._committed

    def leave(self) -> None:
        """The next commit says that its owner is about to leave: if the process ends now, it was no death."""
        self._leaving = True
        self.tried = True

    def _life(self, base: int, offset: int) -> str:
        found = self._suspicion
        if offset >= found.until:
            return life_of(self._incarnation, left=self._leaving)
        running, alone = self._marked

        def ahead(positions: frozenset[int]) -> frozenset[int]:
            return frozenset(position - base for position in positions if position >= base)

        suspicion = Suspicion(
            found.until, found.since_s, ahead(running), alone, ahead(found.seen), ahead(found.killers)
        )
        return life_of(self._incarnation, left=self._leaving, suspicion=suspicion)

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

    def _metadata(self, owner: str, offset: int) -> str:
        """What to write beside the base, which is at this offset."""
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
        return pack(owner, bytes(finished), attempts, self._life(base, offset))
