"""Slots for a run's workers: the first ones of this host that no other run and no worker holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from misstep.agents.worker.slot import SLOTS_MAX, Slot, take_slot
from misstep.errors import UsageError


@dataclass
class Reservation:
    """A slot that a run keeps for one of its workers, also while that worker is being restarted."""

    index: int
    name: str
    _lock: Slot


def reserve_slots(directory: Path, base: str | None, count: int) -> list[Reservation]:
    """Keep `count` slots until this process ends. UsageError when there are not as many free, or no place for them.

    The worker itself takes the slot's own lock; this one, beside it, keeps a second run of this host from choosing
    the slot between a worker's death and its restart.
    """
    try:
        (directory / "reserved").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be used for the workers' slots ({error.strerror}): "
            "choose another directory with MISSTEP_DATA."
        ) from None
    kept: list[Reservation] = []
    for index in range(SLOTS_MAX):
        if len(kept) == count:
            break
        try:
            lock = take_slot(directory / "reserved", base, index)
        except UsageError:
            continue
        try:
            take_slot(directory, base, index).release()
        except UsageError:  # a worker that outlived its run, or one that was started by hand
            lock.release()
            continue
        kept.append(Reservation(index, lock.name, lock))
    if len(kept) < count:
        raise UsageError(f"Only {len(kept)} of this host's {SLOTS_MAX} worker slots are free; see {directory}.")
    return kept
