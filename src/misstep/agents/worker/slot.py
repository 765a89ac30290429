"""Slots: the stable names under which workers are restarted. One process a slot, held by a lock file."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from misstep.errors import UsageError

SLOTS_MAX = 256
OUSTED_LIMIT, OUSTED_WITHIN_S = 3, 60.0
BLAMELESS_KEPT = 100


class SlotTaken(UsageError):
    """Another live process, on another host perhaps, uses this worker's slot."""

    def __init__(self, transactional_id: str, how_known: str) -> None:
        super().__init__(
            f"Another live process uses the slot of {transactional_id}: {how_known}. Stop one of the two, or give this "
            "one a MISSTEP_SLOT of its own."
        )


class Ousted(SlotTaken):
    """Its place in a consumer group was taken: by another process, or by a late request of its own after the network
    was gone for a while. The second is mended by a restart in the slot."""

    def __init__(self, transactional_id: str) -> None:
        super().__init__(transactional_id, "it has taken this worker's place in the consumer group")


def ousted_again(directory: Path, slot: str, now_s: float) -> bool:
    """Note that a worker of this slot was ousted; has that happened so often lately that somebody must be there?

    The notes stand beside the slot's lock, since each process is ousted once.
    """
    notes = directory / f"{slot}.ousted"
    try:
        before = [float(line) for line in notes.read_text().splitlines()]
    except (OSError, ValueError):
        before = []
    lately = [at for at in before if 0 <= now_s - at < OUSTED_WITHIN_S] + [now_s]
    notes.write_text("".join(f"{at}\n" for at in lately))
    return len(lately) >= OUSTED_LIMIT


def note_blameless(directory: Path, slot: str, incarnation: str) -> None:
    """Note that a process of this slot ends, and not through what it ran: its client hangs, its place was taken."""
    lately = [*blameless(directory, slot), incarnation][-BLAMELESS_KEPT:]
    (directory / f"{slot}.blameless").write_text("".join(f"{one}\n" for one in lately))


def blameless(directory: Path, slot: str) -> list[str]:
    """Processes of this slot that did not end through what they ran; the latest comes last."""
    try:
        return (directory / f"{slot}.blameless").read_text().split()
    except (OSError, ValueError):
        return []


@dataclass
class Slot:
    """A slot that this process holds until it ends; the lock goes with the process, however it dies."""

    name: str
    _descriptor: int

    def release(self) -> None:
        os.close(self._descriptor)


def host_name() -> str:
    """This host's (or pod's) name as it may stand in a transactional id."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "host"


def take_slot(directory: Path, base: str | None = None, index: int | None = None) -> Slot:
    """Take the first free slot `{base}-{index}` of this host, or the one asked for. UsageError when it is taken."""
    base = base or host_name()
    directory.mkdir(parents=True, exist_ok=True)
    for candidate in range(SLOTS_MAX) if index is None else (index,):
        name = f"{base}-{candidate}"
        descriptor = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return Slot(name, descriptor)
    wanted = f"slot {base}-{index}" if index is not None else f"each of the {SLOTS_MAX} slots of {base}"
    raise UsageError(f"Another worker of this host holds {wanted}; see {directory}.")
