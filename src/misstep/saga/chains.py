"""A row made total: a chain, with an ending, for every reason that its agent can have."""

from __future__ import annotations

from misstep.agents.plan import Chain
from misstep.agents.route import EndingLink, Link
from misstep.contracts.failure import ENGINE_REASONS, REASONS
from misstep.saga.choreography import Choreography
from misstep.saga.default_route import default_route
from misstep.saga.row import Row


def chains_of(score: Choreography, row: Row) -> dict[str, Chain]:
    """Reason -> chain, in the order of the table: what the row, the agent's signature and the engine can give."""
    reasons = {*row.routes, *row.agent.signature.fails, *ENGINE_REASONS}
    ordered = [name for name in REASONS if name in reasons] + sorted(reasons - set(REASONS))
    return {reason: chain_of(score, row, reason) for reason in ordered}


def chain_of(score: Choreography, row: Row, reason: str) -> Chain:
    """One cell: the row's route, else `otherwise`, else the default; ended by the first ending that they name."""
    said = [routes[reason].links for routes in (row.routes, score.otherwise) if reason in routes]
    default = default_route(reason).links
    ending = next(kind for links in (*said, default) if (kind := _ending(links)))
    return Chain(said[0], ending) if said else Chain(default, ending, declared=False)


def _ending(links: tuple[Link, ...]) -> str:
    return next((link.kind for link in links if isinstance(link, EndingLink)), "")
