"""What is wrong with a row: cells that disagree with the agent's signature, or that say nothing."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from misstep.agents.plan import WHEN_SPENT, Chain
from misstep.agents.route import DegradeLink, EndingLink, RetryLink, ToLink
from misstep.contracts import Contract
from misstep.contracts.event import ESCALATE
from misstep.contracts.failure import ENGINE_REASONS, REASONS, well_formed
from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding, Level
from misstep.saga.row import Row
from misstep.saga.score_map import ScoreMap


def check_rows(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    """Findings on every row by itself."""
    for name, row in score.rows.items():
        chains = map_.chains[name]
        yield from _cells_and_signature(score, row)
        yield from _bare(row, chains)
        for reason, chain in chains.items():
            if chain.declared:
                yield from _cell(score, row, reason, chain)
        if row.agent.budget_ms > score.deadline_ms:
            yield _found(
                row,
                "warning",
                f"its budget of {row.agent.budget_ms} ms is longer than the {score.deadline_ms} ms that the whole case "
                "has; shorten the one or lengthen the other.",
            )


def _cells_and_signature(score: Choreography, row: Row) -> Iterator[Finding]:
    fails = row.agent.signature.fails
    for reason in fails:
        if not well_formed(reason) or reason == "ok":
            yield _found(
                row,
                "error",
                f"its signature names {reason!r}, which cannot be a failure reason; use lower-case letters, digits "
                "and _, and not ok.",
                reason,
            )
        elif reason not in row.routes and reason not in score.otherwise and reason not in ENGINE_REASONS:
            yield _found(
                row,
                "error",
                f"it can fail with {reason}, and its row says no route for that; add {_as_written(reason)} to its "
                f"on(...){_meant(reason)}.",
                reason,
            )
    for reason in row.routes:
        if reason not in fails and reason not in ENGINE_REASONS:
            yield _found(
                row,
                "error",
                f"its row has a route for {reason}, which its signature does not name; add it to "
                "Failure[Literal[...]], or take the cell out.",
                reason,
            )
    if WHEN_SPENT in row.routes and not any(
        isinstance(link, ToLink) for route in row.routes.values() for link in route.links
    ):
        yield _found(
            row,
            "warning",
            f"its row has a route for {WHEN_SPENT} and hands over to nobody, so that can never happen; take it out.",
            WHEN_SPENT,
        )


def _bare(row: Row, chains: Mapping[str, Chain]) -> Iterator[Finding]:
    if row.waive:
        return
    if not row.agent.signature.fails:
        yield _found(
            row,
            "error",
            'it has no failure of its own and does not say why; name one in its signature, or add waive="why".',
        )
    said = [chain.links for chain in chains.values() if chain.declared]
    if said and all(links == (EndingLink(ESCALATE),) for links in said):
        yield _found(
            row,
            "error",
            'every cell says escalate, which is no plan; give one another route, or add waive="why".',
        )


def _cell(score: Choreography, row: Row, reason: str, chain: Chain) -> Iterator[Finding]:
    for before, link in zip((None, *chain.links), chain.links, strict=False):
        if isinstance(before, EndingLink) or (isinstance(before, DegradeLink) and not isinstance(link, EndingLink)):
            yield _found(row, "error", f"{reason}: nothing after {before} is ever reached; take {link} out.", reason)
        if isinstance(link, RetryLink) and link.varies is None and reason in REASONS and not REASONS[reason].mends:
            yield _found(
                row,
                "error",
                f"{reason}: time does not mend it, so {link} fails in the same way again; take the retry out, or say "
                f'what the agent changes: retry({link.attempts}, varies="prompt").',
                reason,
            )
        if isinstance(link, ToLink) and score.handoffs == 0:
            yield _found(
                row,
                "error",
                f"{reason}: {link} never happens, because {score.name} has handoffs=0; raise it, or take the link out.",
                reason,
            )
        if isinstance(link, DegradeLink):
            yield from _default(row, reason, link)


def _default(row: Row, reason: str, link: DegradeLink) -> Iterator[Finding]:
    emits = row.agent.signature.emits
    wanted = " or ".join(contract.__name__ for contract in emits)
    for made in _makes(link):
        if not (isinstance(made, type) and issubclass(made, emits)):
            yield _found(
                row,
                "error",
                f"{reason}: {link} makes {getattr(made, '__name__', made)}, and the agent emits {wanted}; "
                f"let it make {wanted}.",
                reason,
            )


def _makes(link: DegradeLink) -> tuple[object, ...]:
    if isinstance(link.value, Contract):
        return (type(link.value),)
    try:
        returned = typing.get_type_hints(link.value).get("return")
    except (NameError, TypeError):
        return ()
    return (typing.get_args(returned) or (returned,)) if returned is not None else ()


def _as_written(reason: str) -> str:
    return f"{reason}=..." if reason in REASONS else f'own={{"{reason}": ...}}'


def _meant(reason: str) -> str:
    near = [] if reason in REASONS else get_close_matches(reason, REASONS, 1, 0.8)
    return f", or write {near[0]} if that is what is meant" if near else ""


def _found(row: Row, level: Level, message: str, reason: str = "") -> Finding:
    return Finding(level, message, row.agent.name, reason, row.where)
