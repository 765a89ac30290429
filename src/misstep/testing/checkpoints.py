"""Checkpoints in memory: what rehearsals and unit tests remember steps in."""

from __future__ import annotations

import json

from pydantic import JsonValue

from misstep.store.checkpoint import TurnPlace


class InMemoryCheckpoints:
    """A CheckpointStore as long as its object lives: give two turns the same one, and the second is the retry."""

    def __init__(self) -> None:
        self._saved: dict[tuple[str, int, str], tuple[TurnPlace, str]] = {}

    async def load(self, turn: TurnPlace, step: str) -> str | None:
        """See CheckpointStore."""
        found = self._saved.get((turn.key, turn.epoch, step))
        return found[1] if found else None

    async def save(self, turn: TurnPlace, step: str, value: str, *, function: str = "") -> str:
        """See CheckpointStore."""
        return self._saved.setdefault((turn.key, turn.epoch, step), (turn, value))[1]

    async def of_turn(self, key: str) -> dict[str, JsonValue]:
        """See CheckpointStore."""
        mine = sorted(
            ((epoch, step, value) for (of, epoch, step), (_, value) in self._saved.items() if of == key),
            key=lambda one: one[0],
        )
        return {step: json.loads(value) for _, step, value in mine}

    async def forget(self, workflow: str, case_id: str, epoch: int) -> int:
        """See CheckpointStore."""
        gone = [
            place
            for place, (turn, _) in self._saved.items()
            if (turn.workflow, turn.case_id, turn.epoch) == (workflow, case_id, epoch)
        ]
        for place in gone:
            del self._saved[place]
        return len(gone)
