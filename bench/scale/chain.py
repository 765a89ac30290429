"""The choreography that the scale benches run: plain agents in a row over real loans, for as many laps as a case asks.

What goes wrong is written in the case: most pass, some meet one transient failure, some fail at the fourth step and
are undone, some are no loan at all. The first contract carries the whole loan, the later ones what was made of it.
"""

from __future__ import annotations

import gzip
import itertools
import json
import types
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from misstep import Choreography, Contract, Failure, Turn, Undo, agent, compensate, dead_letter, retry
from misstep.saga.compile import compile_plan

ROOT: Final = Path(__file__).resolve().parents[2]
WORKFLOW: Final = "scale"
AGENTS: Final = 5
PASSES, TRANSIENT, UNDONE = "passes", "transient", "undone"


class Loan(Contract, name="scale.loan", version="1.0"):
    """A loan application as it was registered, and what is to become of it."""

    application_id: str
    registered_at: str
    amount_requested: Decimal
    outcome: str
    activities: list[tuple[str, str, str, str | None]]
    ends: Literal["passes", "transient", "undone"] = "passes"
    laps: int = 1


class Assessed(Contract):
    """What every agent hands on."""

    application_id: str
    amount_requested: Decimal
    steps: int
    ends: str
    laps: int
    points: int


class Settled(Assessed, name="scale.settled", version="1.0"):
    """The last word."""


def _assessed(number: int) -> type[Assessed]:
    named = {"name": f"scale.assessed_{number}", "version": "1.0"}
    return types.new_class(
        f"Assessed{number}", (Assessed,), named, lambda body: body.update({"__doc__": f"After {number} agents."})
    )


def _agent(number: int, takes: Any, gives: type[Assessed], last: bool, first: type[Assessed]) -> Any:
    """The agent at this place of the row; the last one begins the next lap, or settles."""
    fails = number == 4

    def act(turn: Turn[Any]) -> Any:
        said = turn.payload
        if fails and said.ends == UNDONE:
            return turn.fail("compliance_fail", "as the load says", points=getattr(said, "points", 0))
        if number == 2 and said.ends == TRANSIENT and turn.attempt == 1:
            raise ConnectionError("as the load says")
        steps = len(said.activities) if isinstance(said, Loan) else said.steps
        laps = said.laps - last
        kind = gives if not last or laps else Settled
        return kind(
            application_id=said.application_id,
            amount_requested=said.amount_requested,
            steps=steps,
            ends=said.ends,
            laps=laps,
            points=steps * number % 97,
        )

    act.__name__ = f"step_{number}"
    emits: Any = first | Settled if last else gives
    act.__annotations__ = {
        "turn": Turn[takes],
        "return": emits | Failure[Literal["compliance_fail"]] if fails else emits,
    }
    effect = {"effect": f"does {number}"} if number < 4 else {}
    return agent(budget="5s", owner="bench", raises={ConnectionError: "model_down"}, **effect)(act)


def score(agents: int = AGENTS) -> Choreography:
    """`agents` in a row (1 to 9); the fourth may fail for good, and the first three are then undone."""
    made = Choreography(WORKFLOW, starts=Loan, deadline="24h", handoffs=0)
    kinds = [_assessed(number) for number in range(agents + 1)]
    for number in range(1, agents + 1):
        takes = Loan | kinds[agents] if number == 1 else kinds[number - 1]
        step = _agent(number, takes, kinds[number], number == agents, kinds[agents])
        routes: dict[str, Any] = {"model_down": retry(3, first="50ms") | dead_letter, "schema_invalid": dead_letter}
        if number == 4:
            routes["compliance_fail"] = compensate
        made.on(step, **routes)
        if number < 4 <= agents:

            async def undo(undo: Undo[Any, Any]) -> None:
                return None

            undo.__annotations__ = {"undo": Undo[takes, kinds[number]], "return": None}
            made.undo(step)(undo)
    return made


@cache
def plan(agents: int = AGENTS) -> Any:
    """The score, compiled."""
    return compile_plan(score(agents))


@cache
def loans() -> list[dict[str, Any]]:
    """Real loans."""
    with gzip.open(ROOT / "examples" / "loans.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def values(*, laps: int = 1, mixed: bool = False) -> Iterator[bytes]:
    """Payloads without end. mixed: of a hundred, 90 pass, 5 meet a transient failure, 3 are undone, 2 are no loans."""
    ready = [_value(loan, PASSES, laps) for loan in loans()]
    if not mixed:
        yield from itertools.cycle(ready)
    for number, loan in enumerate(itertools.cycle(loans())):
        place = number % 100
        if place in (33, 66):
            yield json.dumps({"application_id": loan["application_id"], "amount_requested": "much"}).encode()
        elif place in (10, 40, 70):
            yield _value(loan, UNDONE, laps)
        elif place in (5, 25, 45, 65, 85):
            yield _value(loan, TRANSIENT, laps)
        else:
            yield ready[number % len(ready)]


def touched(cases: float, partitions: int, agents: int = AGENTS) -> float:
    """Partitions of topics that a transaction over so many cases writes to, outcomes and the offsets of groups too."""
    return min(float(partitions), max(1.0, cases)) * (2 * agents + 1)


def _value(loan: dict[str, Any], ends: str, laps: int) -> bytes:
    return json.dumps({**loan, "ends": ends, "laps": laps}, separators=(",", ":")).encode()
