"""Misstep: failure-first choreography for agents on Apache Kafka. What a project writes is written with these names."""

from misstep.agents.agent import Agent, agent
from misstep.agents.failure import Failure
from misstep.agents.route import Route, compensate, dead_letter, degrade, escalate, retry, to
from misstep.agents.turn import Turn
from misstep.agents.undo import Undo
from misstep.agents.wiring import Wiring
from misstep.agents.wiring_settings import Settings
from misstep.contracts import Contract, Escalated, Outcome, upcaster
from misstep.saga.choreography import Choreography

__all__ = [
    "Agent",
    "Choreography",
    "Contract",
    "Escalated",
    "Failure",
    "Outcome",
    "Route",
    "Settings",
    "Turn",
    "Undo",
    "Wiring",
    "agent",
    "compensate",
    "dead_letter",
    "degrade",
    "escalate",
    "retry",
    "to",
    "upcaster",
]
