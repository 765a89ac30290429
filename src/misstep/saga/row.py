"""A row of the failure matrix: one agent in one score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from misstep.agents.agent import Agent
from misstep.agents.route import RetryLink, Route
from misstep.agents.valve import Valve


@dataclass(frozen=True, slots=True)
class Row:
    """What a score says of one agent."""

    agent: Agent[Any, Any]
    standby: bool
    """It hears only what is routed to it."""
    waive: str
    """Why the row may be as bare as it is."""
    fork: str
    """Name of the fork that the agent is a branch of; empty for none."""
    routes: Mapping[str, Route[Any, Any]]
    """Reason -> route, Misstep's own in the order of their table."""
    where: str
    """`file:line` of the row."""
    valve: Valve | None = None
    """When the agent stands still by itself."""


@dataclass(frozen=True, slots=True)
class Compensation:
    """How one step is taken back."""

    agent: Agent[Any, Any]
    function: Callable[..., Any]
    retry: RetryLink
    where: str
