"""What `matrix check` says of retries that time cannot mend, and of steps."""

from typing import Any, Literal

import pytest

from misstep import Choreography, Failure, Turn, agent, dead_letter, retry
from misstep.contracts.failure import REASONS
from tests.saga.loans import Application, Scored
from tests.saga.planted import errors, the_one

ENGINE_MENDS = {name for name, reason in REASONS.items() if reason.mends}


@agent(budget="1s")
async def picky(
    turn: Turn[Application],
) -> Scored | Failure[Literal["rubric_fail", "compliance_fail", "invariant_broken", "model_down", "stock_out"]]:
    if turn.payload.amount > 4:
        return turn.fail("rubric_fail", "no")
    if turn.payload.amount > 3:
        return turn.fail("compliance_fail", "no")
    if turn.payload.amount > 2:
        return turn.fail("invariant_broken", "no")
    if turn.payload.amount > 1:
        return turn.fail("model_down", "no")
    return turn.fail("stock_out", "none left")


def score_with(**cells: Any) -> Choreography:
    """Every cell of `picky` dead-lettered, except those."""
    made = Choreography("one", starts=Application, deadline="1m")
    own = {"stock_out": cells.pop("stock_out", dead_letter)}
    said = ("rubric_fail", "compliance_fail", "invariant_broken", "model_down")
    made.on(picky, own=own, **{**dict.fromkeys(said, dead_letter), **cells})
    return made


@pytest.mark.parametrize(
    "reason",
    ["schema_invalid", "rubric_fail", "compliance_fail", "handoff_exhausted", "invariant_broken", "agent_fault"],
)
def test_a_retry_of_what_time_does_not_mend_is_refused_unless_it_varies(reason: str) -> None:
    found = [
        one for one in errors(score_with(**{reason: retry(3) | dead_letter})) if "time does not mend" in one.message
    ]
    assert "take the retry out, or say what the agent changes" in the_one(found, "picky", reason)
    assert not errors(score_with(**{reason: retry(3, varies="prompt") | dead_letter})) or reason == "handoff_exhausted"


@pytest.mark.parametrize("reason", ["latency_blow", "model_down"])
def test_a_retry_of_what_time_mends_is_welcome(reason: str) -> None:
    assert reason in ENGINE_MENDS
    assert errors(score_with(**{reason: retry(3) | dead_letter})) == []


def test_whether_time_mends_a_reason_of_ones_own_only_its_owner_knows() -> None:
    assert errors(score_with(stock_out=retry(3) | dead_letter)) == []


async def look(name: str) -> int:
    return len(name)


@agent(budget="1s")
async def remembers(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    if await turn.step("look", look, "it"):
        return turn.fail("rubric_fail", "no")
    return Scored(amount=1, score=1)


@agent(budget="1s")
async def remembers_and_says_so(turn: Turn[Application]) -> Scored | Failure[Literal["model_down"]]:
    await turn.step("look", look, "it")
    return Scored(amount=1, score=1)


def test_a_step_brings_model_down() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(remembers, rubric_fail=dead_letter)
    said = the_one(errors(made), "remembers", "model_down")
    assert "it uses turn.step, which fails with model_down while Postgres does not answer" in said
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(remembers_and_says_so, model_down=retry(2) | dead_letter)
    assert errors(made) == []
