"""Where code and signature disagree, it is found before it runs."""

from typing import Any, Literal

from misstep import Agent, Choreography, Failure, Turn, Wiring, agent, dead_letter
from misstep.agents import settle
from misstep.saga.code_check import MAY_GIVE
from tests.saga.loans import Application, Bureau, Scored, loans, score_by_rule
from tests.saga.planted import errors, the_one, warnings
from tests.saga.ways_to_fail import Registry


def _one(one: Agent[Any, Any], **cells: Any) -> Choreography:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(one, **({"rubric_fail": dead_letter} | cells))
    return made


def refused(turn: Turn[Application]) -> Failure[Any]:
    return turn.fail("compliance_fail", "nobody may")


@agent(budget="1s")
def undeclared(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    if turn.payload.amount > 3:
        return refused(turn)
    return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
def never(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail", "compliance_fail"]]:
    return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
def perhaps(turn: Turn[Application], registry: Registry) -> Scored | Failure[Literal["rubric_fail", "compliance_fail"]]:
    return turn.fail("rubric_fail", "not sure")


@agent(budget="1s", raises={KeyError: "compliance_fail"})
def by_exception(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
def by_engine(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail", "latency_blow"]]:
    if turn.payload.amount:
        raise turn.fail("schema_invalid", "the model's answer cannot be read")
    return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
async def calls(turn: Turn[Application], bureau: Bureau) -> Scored | Failure[Literal["rubric_fail"]]:
    async with turn.calling("bureau"):
        return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
async def calls_somebody(
    turn: Turn[Application], bureau: Bureau
) -> Scored | Failure[Literal["rubric_fail", "model_down"]]:
    async with turn.calling("buraeu"):
        return turn.fail("rubric_fail", "not sure")


@agent(budget="1s")
def reads_badly(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail", "compliance_fail"]]:
    why: Any = {"a": "rubric_fail"}["a"]
    return turn.fail(why, "not sure")


@agent(budget="1s")
async def looks_ahead(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    if await turn.earlier(Scored):
        return turn.fail("rubric_fail", "not sure")
    return Scored(amount=1, score=1)


@agent(budget="1s")
async def looks_back_sometimes(turn: Turn[Application | Scored]) -> Scored | Failure[Literal["rubric_fail"]]:
    await turn.earlier(Scored)
    return turn.fail("rubric_fail", "not sure")


def test_a_reason_that_the_signature_does_not_name() -> None:
    made = _one(undeclared)
    said = the_one(errors(made), "undeclared", "compliance_fail")
    assert "it fails with 'compliance_fail', which its signature does not name" in said
    (finding,) = errors(made)
    assert "test_code_check.py:" in finding.where


def test_a_reason_that_no_way_leads_to() -> None:
    made = _one(never, compliance_fail=dead_letter)
    assert "no way through its source gives it" in the_one(errors(made), "never", "compliance_fail")


def test_a_dependency_may_give_what_the_source_does_not() -> None:
    made = _one(perhaps, compliance_fail=dead_letter)
    assert errors(made) == []
    said = [one for one in warnings(made) if one.reason]
    assert "unless a dependency raises it" in the_one(said, "perhaps", "compliance_fail")


def test_declared_exceptions_and_the_engine_give_reasons_too() -> None:
    assert errors(_one(by_exception, compliance_fail=dead_letter)) == []
    assert errors(_one(by_engine)) == []


def test_the_engine_takes_from_an_agent_what_the_check_lets_pass() -> None:
    assert MAY_GIVE == settle._ENGINE_MAY_GIVE


def test_a_call_brings_model_down() -> None:
    assert "add it to Failure[Literal[...]]" in the_one(errors(_one(calls)), "calls", "model_down")


def test_a_call_to_a_dependency_that_the_wiring_does_not_name() -> None:
    made = _one(calls_somebody, model_down=dead_letter)
    assert errors(made) == []
    assert "it calls 'buraeu', which agents/wiring.py does not name (it names none)" in the_one(
        errors(made, Wiring()), "calls_somebody"
    )


def test_an_unreadable_reason_is_a_warning_and_no_proof_of_anything() -> None:
    made = _one(reads_badly, compliance_fail=dead_letter)
    assert errors(made) == []
    said = [one for one in warnings(made) if one.agent]
    assert "which reason why is cannot be read; write the reason out" in the_one(said, "reads_badly")


def test_an_earlier_version_that_cannot_be_there() -> None:
    assert "no case has said loans.scored when it comes here" in the_one(errors(_one(looks_ahead)), "looks_ahead")


def test_an_earlier_version_that_is_not_always_there() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, fork="both", rubric_fail=dead_letter)
    made.on(looks_back_sometimes, fork="both", rubric_fail=dead_letter)
    said = [one for one in warnings(made) if one.agent]
    assert "be ready for LookupError" in the_one(said, "looks_back_sometimes")


def test_the_sound_score_has_all_that_it_looks_back_for() -> None:
    assert errors(loans()) == warnings(loans()) == []
