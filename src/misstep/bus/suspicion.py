"""Which messages of a partition may have killed the process that worked on them, as it travels in commit metadata.

A process that dies leaves no word of why. But what it was to do is known, and what it did before it began something
can be written down. So suspicion narrows down with each death:

1. A process dies at its ordinary work: every message that was there and is not finished is suspected.
2. Suspected ones begin a few at a time, and their positions are committed before they begin. The process dies again:
   those that were running then have been seen.
3. Those that were seen run alone in their process, one after the other, and nothing else begins meanwhile. The process
   dies again: the one that was running is a killer. It ran in three processes that died, alone in the last one.

Whoever reads a killer next does not run it. What is finished is suspected no more; nothing here costs anything before
the first death. Bystanders are never taken for killers: who runs alone dies alone.

What stays uncertain: a process that is killed from outside, three times in a row, each time while the same message is
running, the last time in the very moments for which it runs alone, looks no different. A turn of milliseconds is safe
from that by its shortness; one of minutes, on a host that kills a worker every minute, is not.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

KILLS: Final = 3
"""So many processes died while it ran: it is not run again."""
SEEN: Final = 2
"""So many: it runs alone."""
POSITIONS_MAX: Final = 128
"""At most so many run at once while suspected, or are kept as seen: two bytes each in the metadata."""

_NONE: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What is suspected of one partition; positions are counted from the base, by delivery."""

    until: int = 0
    """Unfinished messages before this offset were there when a process died; 0: nothing is suspected."""
    since_s: int = 0
    """When the first of these deaths was noticed, in seconds since 1970."""
    running: frozenset[int] = _NONE
    """Suspected ones that are being run."""
    alone: bool = False
    """There is one of them, and it runs alone in its process."""
    seen: frozenset[int] = _NONE
    """Were running when a process died, not alone."""
    killers: frozenset[int] = _NONE
    """Were running alone when it died again."""

    def deaths(self, position: int, offset: int) -> int:
        """In how many processes that died a message was, as far as is known: 0 to KILLS."""
        if offset >= self.until:
            return 0
        return KILLS if position in self.killers else SEEN if position in self.seen else 1


NOTHING: Final = Suspicion()


def after_a_death(before: Suspicion, end: int, now_s: int) -> Suspicion:
    """What is suspected once the process that wrote `before` has died. end: offset after the partition's last message.

    A change of hands without a death takes `running` away and leaves the rest: see `after_a_change`.
    """
    seen, killers = before.seen, before.killers
    if before.alone:
        killers |= before.running
        seen -= before.running
    else:
        seen |= before.running
    return Suspicion(
        until=max(before.until, end),
        since_s=before.since_s or now_s,
        seen=frozenset(sorted(seen)[:POSITIONS_MAX]),
        killers=frozenset(sorted(killers)[:POSITIONS_MAX]),
    )


def after_a_change(before: Suspicion) -> Suspicion:
    """What is suspected when a partition changes hands and nobody died."""
    return replace(before, running=_NONE, alone=False)


def text_of(suspicion: Suspicion) -> str:
    """As it stands in the metadata; at most some 1,100 characters."""
    if not suspicion.until:
        return ""
    running = ("a" if suspicion.alone else "") + _packed(suspicion.running)
    parts = [f"{suspicion.until:x}", f"{suspicion.since_s:x}", running]
    return ".".join([*parts, _packed(suspicion.seen), _packed(suspicion.killers)])


def read(text: str) -> Suspicion:
    """The reverse of `text_of`; what cannot be read suspects nothing."""
    parts = text.split(".")
    if len(parts) != 5:
        return NOTHING
    until, since_s, running, seen, killers = parts
    alone = running.startswith("a")
    try:
        return Suspicion(
            int(until, 16), int(since_s, 16), _unpacked(running[alone:]), alone, _unpacked(seen), _unpacked(killers)
        )
    except (ValueError, binascii.Error):
        return NOTHING


def _packed(positions: Iterable[int]) -> str:
    raw = b"".join(position.to_bytes(2, "big") for position in sorted(positions)[:POSITIONS_MAX])
    return "=" + base64.b64encode(raw).decode("ascii") if raw else ""


def _unpacked(text: str) -> frozenset[int]:
    raw = base64.b64decode(text[1:], validate=True)
    return frozenset(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw) - 1, 2))
