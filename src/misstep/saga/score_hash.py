"""The hash that names a version of a score: in every event's `ce_score`, so it is known which opinion decided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import orjson

from misstep.agents.agent import Signature
from misstep.agents.plan import Chain
from misstep.agents.route import DegradeLink, EndingLink, Link, RetryLink
from misstep.contracts import Contract, encode
from misstep.saga.choreography import Choreography

SHOWN = 16
"""Hex digits of the sha256."""


def score_hash(score: Choreography, chains: Mapping[str, Mapping[str, Chain]]) -> str:
    """16 hex digits over all that decides: contracts, budgets, and every agent's chains with their timings.

    The order of rows does not decide, so it does not count; the order of links does.
    """
    said = {
        "workflow": score.name,
        "starts": score.starts.__contract__.urn,
        "deadline_ms": score.deadline_ms,
        "handoffs": score.handoffs,
        "agents": {
            name: {
                **_contracts(row.agent.signature),
                "standby": row.standby,
                "fork": row.fork,
                "undo": _undo(score, name),
                "budget_ms": row.agent.budget_ms,
                **({"valve": str(row.valve)} if row.valve else {}),
                "raises": {kind.__qualname__: reason for kind, reason in row.agent.raises.items()},
                "chains": {
                    reason: [*(_link(link) for link in chain.links), ["ending", chain.ending]]
                    for reason, chain in chains[name].items()
                },
            }
            for name, row in score.rows.items()
        },
    }
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:SHOWN]


def _undo(score: Choreography, agent: str) -> list[object] | None:
    undo = score.undos.get(agent)
    return None if undo is None else [getattr(undo.function, "__qualname__", "?"), *_link(undo.retry)]


def _contracts(signature: Signature) -> dict[str, list[str]]:
    return {
        "accepts": _urns(signature.accepts),
        "joins": _urns(signature.joins),
        "emits": sorted(_urns(signature.emits)),
        "fails": sorted(signature.fails),
    }


def _urns(contracts: Iterable[type[Contract]]) -> list[str]:
    return [f"{contract.__contract__.urn} as {contract.__qualname__}" for contract in contracts]


def _link(link: Link) -> list[object]:
    if isinstance(link, RetryLink):
        return ["retry", link.attempts, link.first_ms, link.cap_ms, link.varies]
    if isinstance(link, DegradeLink):
        value = link.value
        if isinstance(value, Contract):
            return ["degrade", value.__contract__.urn, hashlib.sha256(encode(value)).hexdigest()]
        return ["degrade", getattr(value, "__qualname__", type(value).__qualname__)]
    if isinstance(link, EndingLink):
        return ["ending", link.kind]
    return ["to", link.agent.name, link.times]
