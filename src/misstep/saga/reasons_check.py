"""How many failure reasons a workflow uses: a closed list stays short, and a list of three says too little."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from misstep.contracts.failure import reasons_in_use, well_formed
from misstep.saga.choreography import Choreography
from misstep.saga.finding import Finding
from misstep.saga.score_map import ScoreMap

AT_MOST: Final = 10
AT_LEAST: Final = 4


def check_reasons(score: Choreography, map_: ScoreMap) -> Iterator[Finding]:
    """More than ten in use besides `ok` is an error, fewer than four a warning."""
    used = reasons_used(score, map_)
    if len(used) > AT_MOST:
        yield Finding(
            "error",
            f"{score.name} uses {len(used)} failure reasons ({', '.join(used)}), and at most {AT_MOST} can be kept "
            "apart; join those that are handled alike.",
            where=score.where,
        )
    elif len(score.rows) > 0 and len(used) < AT_LEAST:
        yield Finding(
            "warning",
            f"{score.name} tells only {len(used)} failure reasons apart ({', '.join(used) or 'none'}); fewer than "
            f"{AT_LEAST} say little about why cases fail.",
            where=score.where,
        )


def reasons_used(score: Choreography, map_: ScoreMap) -> list[str]:
    """The reasons that the score or its agents name; what the engine alone gives is not counted."""
    said = {reason for chains in map_.chains.values() for reason, chain in chains.items() if chain.declared}
    named = {reason for row in score.rows.values() for reason in row.agent.signature.fails}
    return [reason.name for reason in reasons_in_use(sorted(filter(well_formed, said | named | set(score.otherwise))))]
