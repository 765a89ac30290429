"""What a turn's steps came to, and who remembers it: the protocol that Postgres and the memory of a test both keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from pydantic import JsonValue

CHECKPOINT_MAX_BYTES: Final = 262_144
"""Of one step's result as JSON. What is larger belongs where large things are kept, and its address here."""
STEP_NAME_MAX_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class TurnPlace:
    """Which turn a step belongs to."""

    workflow: str
    case_id: str
    epoch: int
    key: str
    """The turn's idempotency key."""


class CheckpointStore(Protocol):
    """Remembers results of steps. Every call may be made again and from several processes at once.

    What raises is what `is_down` knows (ServerUnreachable, psycopg's own) while the store cannot be reached.
    """

    async def load(self, turn: TurnPlace, step: str) -> str | None:
        """The JSON text that was saved under this turn, epoch and step; None if none was."""
        ...

    async def save(self, turn: TurnPlace, step: str, value: str, *, function: str = "") -> str:
        """Remember a step's result, a JSON text. The first one stays: what is returned is what is remembered."""
        ...

    async def of_turn(self, key: str) -> dict[str, JsonValue]:
        """All results of the turn with this idempotency key, by step, oldest first; of two lives the newer one's."""
        ...

    async def forget(self, workflow: str, case_id: str, epoch: int) -> int:
        """Forget all that one life of a case has saved; returns how many results that were."""
        ...
