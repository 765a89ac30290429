"""What operators and the watchdog say of cases and agents in the control topic, and what an agent makes of it.

Plain values and functions. A mark is bound to one life of one case; it says that the case shall not go on. Who holds
the case carries it out: the agent that reads the case's newest version next. Only when that agent is down somebody acts
in its place, and then the mark says up to which version (`version`) the agent has to keep its hands off.
"""

from __future__ import annotations

from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

CANCEL: Final = "cancel"
KILL: Final = "kill"
DEADLINE: Final = "deadline"

CaseKey = tuple[str, str, int]
"""Workflow, case id, epoch."""


class Mark(BaseModel):
    """A case that shall not go on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["cancel", "kill", "deadline"]
    actor: str
    reason: str
    at: str
    version: int | None = None
    """Somebody acts in the place of `agents` on versions up to this one; None: nobody does."""
    agents: tuple[str, ...] = ()
    acted: bool = False
    """It has been done."""

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        verb = {CANCEL: "cancelled", KILL: "ended without compensation", DEADLINE: "found stalled"}[self.action]
        return f"{verb} by {self.actor}: {self.reason}"


class Pause(BaseModel):
    """An agent that stands still."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: str
    reason: str
    at: str


def mark_key(workflow: str, case_id: str, epoch: int) -> bytes:
    """Key of a case's mark."""
    return f"mark/{workflow}/{case_id}/{epoch}".encode()


def pause_key(workflow: str, agent: str) -> bytes:
    """Key of an agent's pause."""
    return f"pause/{workflow}/{agent}".encode()


def case_of_mark(key: bytes) -> CaseKey | None:
    """Whose mark it is; None for another key."""
    kind, _, rest = key.decode("utf-8", "replace").partition("/")
    workflow, _, rest = rest.partition("/")
    case_id, _, epoch = rest.rpartition("/")
    if kind != "mark" or not case_id or not epoch.isdigit():
        return None
    return workflow, case_id, int(epoch)


def agent_of_pause(key: bytes) -> tuple[str, str] | None:
    """Workflow and agent of a pause; None for another key."""
    parts = key.decode("utf-8", "replace").split("/")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "pause" else None


def read_mark(value: bytes) -> Mark | None:
    """A mark's value; None when it is none."""
    try:
        return Mark.model_validate_json(value)
    except ValidationError:
        return None


def read_pause(value: bytes) -> Pause | None:
    """A pause's value; None when it is none."""
    try:
        return Pause.model_validate_json(value)
    except ValidationError:
        return None


def written(value: Mark | Pause) -> bytes:
    """A mark or a pause as it stands in the topic."""
    return orjson.dumps(value.model_dump(exclude_defaults=True))


Verdict = Literal["run", "stop", "leave"]


def what_to_do(mark: Mark | None, agent: str, version: int) -> Verdict:
    """What an agent does with a version of a case: run its turn, stop the case in its stead, or leave it alone.

    version: the state version that the agent has read.
    """
    if mark is None:
        return "run"
    if mark.version is not None and version <= mark.version and agent in mark.agents:
        return "leave"
    return "run" if mark.action == DEADLINE or mark.acted else "stop"
