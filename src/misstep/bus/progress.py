"""What a consumer group remembers of a partition: base offset, and in the commit's metadata what lies beyond it.

Turns finish out of order. The committed offset is the base: the first message delivered and not finished. The
metadata string says who wrote it, which of the messages delivered from the base on are finished, how often the
unfinished ones were tried, and which of them may have killed a process (`suspicion.py`). At most 4,000 ASCII
characters: Kafka refuses more than 4,095.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from misstep.bus.suspicion import NOTHING, Suspicion, read, text_of

METADATA_MAX_CHARS = 4_000
WINDOW_MAX_MESSAGES = 16_000
"""How far finished messages may lie beyond the base: 16,000 bits are 2,668 characters at worst."""
UNFINISHED_MAX_MESSAGES = 1_000
"""How many messages of a partition may be unfinished at once: 1,000 attempt counts are 1,000 characters at worst."""

_VERSION = "m2"
_WITHOUT_LIFE = "m1"
_LEFT, _HERE = "l", "h"


@dataclass(frozen=True, slots=True)
class Progress:
    """A partition's committed state."""

    base: int | None
    """First offset to read; None when the group has never committed one."""
    owner: str = ""
    """Transactional id of who wrote it."""
    finished: bytes = b""
    """Bit k (of byte k // 8): the k-th message delivered from the base on is finished.

    By delivery, not by offset: offsets have gaps.
    """
    attempts: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """k -> (attempts made, index of the last one's reason) of unfinished messages that were tried."""
    incarnation: str = ""
    """Tells processes of one owner apart."""
    left: bool = False
    """Its owner said that it would leave; one that did not say so, and is gone, has died."""
    suspicion: Suspicion = NOTHING

    def finished_positions(self) -> Iterator[int]:
        """Every k that is finished."""
        for index, byte in enumerate(self.finished):
            for bit in range(8) if byte else ():
                if byte >> bit & 1:
                    yield index * 8 + bit


def pack(owner: str, finished: bytes, attempts: Mapping[int, tuple[int, int]], life: str = "") -> str:
    """The metadata string of a commit. life: see `life_of`."""
    bits = _text(finished) if finished else ""
    tried = ""
    if attempts:
        counts = bytearray(max(attempts) + 1)
        for position, (made, reason) in attempts.items():
            counts[position] = min(made, 15) << 4 | (reason & 15)
        tried = _text(bytes(counts))
    return _joined(owner, bits, tried, life)


def life_of(incarnation: str, *, left: bool, suspicion: Suspicion = NOTHING) -> str:
    """The part of the metadata that is about the owner's process, and what may kill it."""
    return f"{incarnation}.{_LEFT if left else _HERE}.{text_of(suspicion)}" if incarnation else ""


def with_life(metadata: str, life: str) -> str:
    """The same progress, with something else said about the owner's process."""
    _, owner, bits, tried, _ = metadata.split(";")
    return _joined(owner, bits, tried, life)


def _joined(owner: str, bits: str, tried: str, life: str) -> str:
    packed = f"{_VERSION};{owner};{bits};{tried};{life}"
    if len(packed) > METADATA_MAX_CHARS:  # attempts are a courtesy, finished turns are the promise
        packed = f"{_VERSION};{owner};{bits};;{life}"
    return packed


def unpack(base: int, metadata: str | None) -> Progress:
    """The reverse of `pack`. Metadata that Misstep did not write (a tool reset the group) means: nothing beyond."""
    parts = (metadata or "").split(";")
    if len(parts) == 4 and parts[0] == _WITHOUT_LIFE:
        parts.append("")
    elif len(parts) != 5 or parts[0] != _VERSION:
        return Progress(base)
    _, owner, bits, tried, life = parts
    try:
        finished = _bytes(bits) if bits else b""
        counts = _bytes(tried) if tried else b""
    except (ValueError, zlib.error, binascii.Error):
        return Progress(base, owner)
    attempts = {position: (packed >> 4, packed & 15) for position, packed in enumerate(counts) if packed >> 4}
    incarnation, _, rest = life.partition(".")
    left, _, suspected = rest.partition(".")
    return Progress(base, owner, finished, attempts, incarnation, left != _HERE, read(suspected))


def _text(raw: bytes) -> str:
    squeezed = zlib.compress(raw, 6)
    if len(squeezed) < len(raw):
        return "z" + base64.b64encode(squeezed).decode("ascii")
    return "r" + base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    raw = base64.b64decode(text[1:], validate=True)
    return zlib.decompress(raw) if text[0] == "z" else raw
