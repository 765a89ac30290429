"""Each planted mistake in a row is found, alone, and says what to do."""

from typing import Any, Literal

import pytest

from misstep import Choreography, Failure, Turn, agent, dead_letter, degrade, escalate, retry
from tests.saga.loans import Application, Decided, Scored, decide, loans, not_granted, score_by_rule
from tests.saga.planted import errors, the_one, warnings


def _one(**cells: Any) -> Choreography:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, **cells)
    return made


@agent(budget="1s")
def picky(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail", "stock_out"]]:
    if turn.payload.amount:
        return turn.fail("rubric_fail", "no")
    return turn.fail("stock_out", "none left")


@agent(budget="1s")
def misspelt(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fial"]]:
    return turn.fail("rubric_fial", "no")


@agent(budget="1s")
def badly_named(turn: Turn[Application]) -> Scored | Failure[Literal["Rubric Fail"]]:
    return turn.fail("Rubric Fail", "no")


@agent(budget="1s")
def flawless(turn: Turn[Application]) -> Scored:
    return Scored(amount=1, score=1)


@agent(budget="2m")
def slow(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "no")


def test_a_declared_reason_without_a_route() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(picky, rubric_fail=dead_letter)
    assert 'add own={"stock_out": ...} to its on(...)' in the_one(errors(made), "picky", "stock_out")


def test_a_reason_of_misstep_without_a_route() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(picky, own={"stock_out": dead_letter})
    assert "add rubric_fail=..." in the_one(errors(made), "picky", "rubric_fail")


def test_otherwise_is_a_route() -> None:
    made = Choreography("one", starts=Application, deadline="1m", otherwise={"stock_out": dead_letter})
    made.on(picky, rubric_fail=dead_letter)
    assert errors(made) == []


def test_a_misspelt_reason_is_told_what_was_meant() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(misspelt, latency_blow=dead_letter)
    assert "or write rubric_fail if that is what is meant" in the_one(errors(made), "misspelt", "rubric_fial")


def test_a_reason_that_cannot_be_one() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(badly_named, latency_blow=dead_letter)
    assert "cannot be a failure reason" in the_one(errors(made), "badly_named", "Rubric Fail")


def test_a_route_for_a_reason_that_the_signature_does_not_name() -> None:
    made = _one(rubric_fail=dead_letter, model_down=retry(3) | dead_letter)
    assert "its signature does not name" in the_one(errors(made), "score_by_rule", "model_down")


def test_an_own_reason_that_the_signature_does_not_name() -> None:
    made = _one(rubric_fail=dead_letter, own={"stock_out": dead_letter})
    assert "its signature does not name" in the_one(errors(made), "score_by_rule", "stock_out")


def test_an_agent_without_failures_says_why() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(flawless, latency_blow=dead_letter)
    assert "does not say why" in the_one(errors(made), "flawless")
    waived = Choreography("one", starts=Application, deadline="1m")
    waived.on(flawless, latency_blow=dead_letter, waive="it adds two numbers")
    assert errors(waived) == []


def test_escalating_everything_needs_a_waive() -> None:
    assert "every cell says escalate" in the_one(
        errors(_one(rubric_fail=escalate, latency_blow=escalate)), "score_by_rule"
    )
    assert errors(_one(rubric_fail=escalate, latency_blow=escalate, waive="the last reader")) == []
    assert errors(_one(rubric_fail=escalate, latency_blow=dead_letter)) == []


def test_escalating_everything_by_otherwise_needs_a_waive_too() -> None:
    made = Choreography("one", starts=Application, deadline="1m", otherwise={"rubric_fail": escalate})
    made.on(score_by_rule)
    assert "every cell says escalate" in the_one(errors(made), "score_by_rule")


@pytest.mark.parametrize("reason", ["rubric_fail", "schema_invalid", "agent_fault", "authority_breach"])
def test_time_cannot_mend_what_is_retried(reason: str) -> None:
    cells = {"rubric_fail": dead_letter, reason: retry(2) | dead_letter}
    assert "time does not mend it" in the_one(errors(_one(**cells)), "score_by_rule", reason)
    assert errors(_one(**{**cells, reason: retry(2, varies="prompt") | dead_letter})) == []


def test_time_mends_slowness_and_whatever_a_workflow_calls_its_own() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(
        picky,
        rubric_fail=dead_letter,
        latency_blow=retry(3) | dead_letter,
        own={"stock_out": retry(4) | dead_letter},
    )
    assert errors(made) == []


def test_links_that_are_never_reached() -> None:
    made = _one(rubric_fail=escalate | dead_letter)
    assert "nothing after escalate is ever reached; take dead_letter out" in the_one(
        errors(made), "score_by_rule", "rubric_fail"
    )
    made = _one(rubric_fail=dead_letter)
    made.on(decide, invariant_broken=degrade(not_granted) | retry(2, varies="prompt") | escalate)
    assert "nothing after degrade(not_granted)" in the_one(errors(made), "decide", "invariant_broken")


def test_an_ending_after_a_default_is_for_the_default_that_cannot_be_made() -> None:
    made = _one(rubric_fail=dead_letter)
    made.on(decide, invariant_broken=degrade(not_granted) | escalate)
    assert errors(made) == []


def test_a_hand_over_without_hand_offs() -> None:
    made = loans()
    made.handoffs = 0
    found = errors(made)
    assert {(finding.agent, finding.reason) for finding in found} == {("score", "rubric_fail"), ("score", "model_down")}
    assert all("handoffs=0" in finding.message for finding in found)


def test_a_default_of_another_contract() -> None:
    made = _one(rubric_fail=degrade(Decided(granted=False)))  # a type checker finds this too
    assert "makes Decided, and the agent emits Scored" in the_one(errors(made), "score_by_rule", "rubric_fail")
    made = _one(rubric_fail=degrade(not_granted))
    assert "makes Decided, and the agent emits Scored" in the_one(errors(made), "score_by_rule", "rubric_fail")
    assert errors(_one(rubric_fail=degrade(Scored(amount=0, score=0)))) == []


def test_a_route_for_spent_hand_offs_where_nobody_hands_over() -> None:
    made = _one(rubric_fail=dead_letter, handoff_exhausted=escalate)
    said = [finding for finding in warnings(made) if finding.reason]
    assert "can never happen" in the_one(said, "score_by_rule", "handoff_exhausted")


def test_a_budget_longer_than_the_deadline() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(slow, rubric_fail=dead_letter)
    said = [finding for finding in warnings(made) if finding.agent]
    assert "its budget of 120000 ms is longer than the 60000 ms" in the_one(said, "slow")


@agent(budget="1s")
def says_a_lot(
    turn: Turn[Application],
) -> Scored | Failure[Literal["a_one", "a_two", "a_three", "a_four", "a_five", "a_six", "a_seven"]]:
    return turn.fail(drawn(), "whatever")


def drawn() -> Literal["a_one", "a_two", "a_three", "a_four", "a_five", "a_six", "a_seven"]:
    return "a_one"


def test_ten_reasons_are_as_many_as_can_be_kept_apart() -> None:
    own = {f"a_{number}": dead_letter for number in ("one", "two", "three", "four", "five", "six", "seven")}
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(says_a_lot, own=own, latency_blow=dead_letter, agent_fault=escalate, schema_invalid=dead_letter)
    assert errors(made) == []
    made = Choreography("one", starts=Application, deadline="1m", otherwise={"authority_breach": escalate})
    made.on(says_a_lot, own=own, latency_blow=dead_letter, agent_fault=escalate, schema_invalid=dead_letter)
    assert "uses 11 failure reasons" in the_one(errors(made))


def test_three_reasons_are_few() -> None:
    three = _one(rubric_fail=escalate, latency_blow=dead_letter, agent_fault=dead_letter)
    assert "tells only 3 failure reasons apart (latency_blow, rubric_fail, agent_fault)" in the_one(warnings(three))
    four = _one(rubric_fail=escalate, latency_blow=dead_letter, agent_fault=dead_letter, schema_invalid=dead_letter)
    assert warnings(four) == []
