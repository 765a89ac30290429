"""Who emits and who hears what in a score: the map that the plan and the checks are read off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from misstep.agents.agent import Agent
from misstep.agents.plan import Chain
from misstep.agents.route import EndingLink, Link, ToLink
from misstep.contracts import Contract, Escalated
from misstep.contracts.event import CASES, ESCALATE
from misstep.saga.chains import chains_of
from misstep.saga.choreography import Choreography

ESCALATED = Escalated.__contract__.name


@dataclass(frozen=True)
class ScoreMap:
    """A score by names: agents of agents, contracts of contracts."""

    accepts: Mapping[str, frozenset[str]]
    emits: Mapping[str, frozenset[str]]
    standby: frozenset[str]
    chains: Mapping[str, Mapping[str, Chain]]
    hands_to: Mapping[str, frozenset[str]]
    """Agent -> agents that its routes name, whether they have a row or not."""
    escalates: frozenset[str]
    """Agents with a route that comes to `escalate`."""
    starts: str
    joins: Mapping[str, frozenset[str]]
    """Join -> the contracts that it puts together."""

    @property
    def emitters(self) -> dict[str, frozenset[str]]:
        """Contract -> who emits it, `cases` for the start contract."""
        found: dict[str, set[str]] = {self.starts: {CASES}}
        for agent, contracts in self.emits.items():
            for contract in contracts:
                found.setdefault(contract, set()).add(agent)
        return {contract: frozenset(agents) for contract, agents in found.items()}

    def hearers(self, contract: str) -> tuple[str, ...]:
        """Agents that hear a contract whoever emits it: those that accept it and are not on standby."""
        return tuple(name for name, said in self.accepts.items() if contract in said and name not in self.standby)

    def listeners(self, agent: str, contract: str) -> tuple[str, ...]:
        """Agents that hear this agent emit the contract. Nobody hears itself."""
        return tuple(name for name in self.hearers(contract) if name != agent)

    def final(self, agent: str) -> frozenset[str]:
        """Contracts whose emission by this agent ends the case: nobody hears them."""
        return frozenset(contract for contract in self.emits[agent] if not self.listeners(agent, contract))

    @property
    def escalation(self) -> str | None:
        """The agent that accepts escalations, if there is one."""
        return next((name for name, said in self.accepts.items() if ESCALATED in said), None)


def map_of(score: Choreography) -> ScoreMap:
    """Read a score's map. UsageError when an agent's signature says nothing usable."""
    chains = {name: chains_of(score, row) for name, row in score.rows.items()}
    return ScoreMap(
        accepts={name: _names(row.agent.signature.accepts) for name, row in score.rows.items()},
        emits={name: _names(row.agent.signature.emits) for name, row in score.rows.items()},
        standby=frozenset(name for name, row in score.rows.items() if row.standby),
        chains=chains,
        hands_to={name: frozenset(agent.name for agent in targets_of(own)) for name, own in chains.items()},
        escalates=frozenset(name for name, own in chains.items() if any(map(comes_to_escalate, own.values()))),
        starts=score.starts.__contract__.name,
        joins={
            name: _names(row.agent.signature.joins) for name, row in score.rows.items() if row.agent.signature.joins
        },
    )


def links_of(chains: Mapping[str, Chain]) -> list[tuple[str, Link]]:
    """Every (reason, link) of an agent's chains."""
    return [(reason, link) for reason, chain in chains.items() for link in chain.links]


def targets_of(chains: Mapping[str, Chain]) -> list[Agent[Any, Any]]:
    """The agents that an agent's routes hand over to."""
    return [link.agent for _, link in links_of(chains) if isinstance(link, ToLink)]


def comes_to_escalate(chain: Chain) -> bool:
    """Can this chain hand the case to a person?"""
    return chain.ending == ESCALATE or EndingLink(ESCALATE) in chain.links


def _names(contracts: tuple[type[Contract], ...]) -> frozenset[str]:
    return frozenset(contract.__contract__.name for contract in contracts)
