"""What a score can already say and the engine does not carry out yet. Each refusal goes when its part comes."""

from __future__ import annotations

from misstep.errors import UsageError
from misstep.saga.choreography import Choreography
from misstep.saga.score_map import ScoreMap


def refuse_what_comes_later(score: Choreography, map_: ScoreMap) -> None:
    """UsageError, naming the row, for a fork or a join."""
    for name, row in score.rows.items():
        if row.fork:
            raise UsageError(
                f"{row.where}: agent {name}: forks and joins are not carried out yet; make the branches of "
                f"fork {row.fork!r} one agent until then."
            )
        if row.agent.signature.joins:
            raise UsageError(
                f"{row.where}: agent {name}: forks and joins are not carried out yet; let it accept one contract, "
                "Turn[YourContract], until then."
            )
