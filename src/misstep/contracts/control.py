"""What operators and the watchdog say of cases and agents in the control topic, and what an agent makes of it.

Plain values and functions. A mark is an operator's: one life of one case shall not go on. Who holds the case carries it
out: the agent that reads the case's newest version next. Only when that agent is down the watchdog acts in its place,
and says so before: its stand-in (a record of its own, so that neither overwrites the other) names the agents that have
to keep their hands off, and up to which version.
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

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        verb = {CANCEL: "cancelled", KILL: "ended without compensation", DEADLINE: "found stalled"}[self.action]
        return f"{verb} by {self.actor}: {self.reason}"


class StandIn(Mark):
    """The watchdog acts in the place of agents."""

    version: int
    """On versions up to this one."""
    agents: tuple[str, ...]
    acted: bool = False
    """It has been done."""


class Pause(BaseModel):
    """An agent that stands still."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: str
    reason: str
    at: str


def mark_key(workflow: str, case_id: str, epoch: int) -> bytes:
    """Key of a case's mark."""
    return f"mark/{workflow}/{case_id}/{epoch}".encode()


def stand_in_key(workflow: str, case_id: str, epoch: int) -> bytes:
    """Key of the watchdog's stand-in for a case."""
    return f"standin/{workflow}/{case_id}/{epoch}".encode()


def pause_key(workflow: str, agent: str) -> bytes:
    """Key of an agent's pause."""
    return f"pause/{workflow}/{agent}".encode()


def case_of(key: bytes) -> tuple[str, CaseKey] | None:
    """`mark` or `standin`, and the case; None for another key."""
    kind, _, rest = key.decode("utf-8", "replace").partition("/")
    workflow, _, rest = rest.partition("/")
    case_id, _, epoch = rest.rpartition("/")
    if kind not in ("mark", "standin") or not case_id or not epoch.isdigit():
        return None
    return kind, (workflow, case_id, int(epoch))


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


def read_stand_in(value: bytes) -> StandIn | None:
    """A stand-in's value; None when it is none."""
    try:
        return StandIn.model_validate_json(value)
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


def what_to_do(mark: Mark | None, stand_in: StandIn | None, agent: str, version: int) -> Verdict:
    """What an agent does with a version of a case: run its turn, stop the case in its stead, or leave it alone.

    version: the state version that the agent has read.
    """
    if stand_in is not None and version <= stand_in.version and agent in stand_in.agents:
        return "leave"
    return "run" if mark is None else "stop"
