"""Misstep: failure-first choreography for agents on Apache Kafka. What a project writes is written with these names.

They are imported when they are first asked for: `misstep --help` and Ctrl-C do not wait for what they do not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misstep.agents.agent import Agent, agent
    from misstep.agents.failure import Failure
    from misstep.agents.route import Route, back_to, compensate, dead_letter, degrade, escalate, retry, to
    from misstep.agents.turn import Turn
    from misstep.agents.undo import Undo
    from misstep.agents.wiring import Wiring
    from misstep.agents.wiring_settings import Settings
    from misstep.contracts import Contract, Escalated, Outcome, upcaster
    from misstep.dlq.room import DeadLetters
    from misstep.saga.choreography import Choreography

_HOMES = {
    "misstep.agents.agent": ("Agent", "agent"),
    "misstep.agents.failure": ("Failure",),
    "misstep.agents.route": ("Route", "back_to", "compensate", "dead_letter", "degrade", "escalate", "retry", "to"),
    "misstep.agents.turn": ("Turn",),
    "misstep.agents.undo": ("Undo",),
    "misstep.agents.wiring": ("Wiring",),
    "misstep.agents.wiring_settings": ("Settings",),
    "misstep.contracts": ("Contract", "Escalated", "Outcome", "upcaster"),
    "misstep.dlq.room": ("DeadLetters",),
    "misstep.saga.choreography": ("Choreography",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


__all__ = [
    "Agent",
    "Choreography",
    "Contract",
    "DeadLetters",
    "Escalated",
    "Failure",
    "Outcome",
    "Route",
    "Settings",
    "Turn",
    "Undo",
    "Wiring",
    "agent",
    "back_to",
    "compensate",
    "dead_letter",
    "degrade",
    "escalate",
    "retry",
    "to",
    "upcaster",
]
