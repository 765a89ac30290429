"""A score becomes a plan: total chains, sources, endings, and one hash for one opinion."""

import re
from collections.abc import Callable
from typing import Literal

import pytest

from misstep import (
    Choreography,
    Failure,
    Turn,
    agent,
    dead_letter,
    escalate,
    retry,
    to,
)
from misstep.agents.plan import Plan, Source
from misstep.contracts import ENGINE_REASONS, REASONS
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.saga.default_route import default_route
from misstep.saga.matrix_check import check_score
from tests.saga.loans import (
    Application,
    Decided,
    Parked,
    Scored,
    decide,
    loans,
    score,
    score_by_rule,
)


@pytest.fixture
def plan() -> Plan:
    return compile_plan(loans())


def test_a_sound_score_has_no_findings() -> None:
    assert check_score(loans()) == []


def test_agents_are_in_the_order_of_their_rows(plan: Plan) -> None:
    assert list(plan.agents) == ["score", "score_by_rule", "decide", "answer", "park"]


def test_every_agent_has_a_chain_for_every_engine_reason_and_every_one_of_its_own(plan: Plan) -> None:
    for one in plan.agents.values():
        assert set(one.chains) == {*ENGINE_REASONS, *one.agent.signature.fails} | {
            reason for reason, chain in one.chains.items() if chain.declared
        }


@pytest.mark.parametrize(
    ("name", "reason", "text", "declared"),
    [
        ("score", "model_down", "retry(2) | to(score_by_rule, times=1) | dead_letter", True),
        ("score", "rubric_fail", "to(score_by_rule) | escalate", True),  # the ending is the table's
        ("score", "latency_blow", "retry(3) | dead_letter", True),
        ("score", "schema_invalid", "dead_letter", False),
        ("score", "handoff_exhausted", "escalate", False),
        ("decide", "latency_blow", "degrade(not_granted) | dead_letter", True),
        ("answer", "latency_blow", "retry(3) | dead_letter", False),  # the table's whole route
        ("answer", "schema_invalid", "retry(2, varies=wording) | escalate", True),
        ("answer", "agent_fault", "escalate", True),  # otherwise=
    ],
)
def test_a_chain_comes_to_an_ending(plan: Plan, name: str, reason: str, text: str, declared: bool) -> None:
    chain = plan.agents[name].chains[reason]
    assert (str(chain), chain.declared) == (text, declared)


def test_otherwise_gives_an_ending_to_a_row_that_says_none() -> None:
    made = Choreography("one", starts=Application, deadline="1m", otherwise={"rubric_fail": retry(2) | dead_letter})
    made.on(score_by_rule, rubric_fail=retry(3))
    chain = compile_plan(made).agents["score_by_rule"].chains["rubric_fail"]
    assert (str(chain), chain.ending) == ("retry(3) | dead_letter", "dead_letter")


def test_who_hears_whom(plan: Plan) -> None:
    sources = {name: one.sources for name, one in plan.agents.items()}
    on = frozenset({b"next", b"degrade"})
    assert sources["score"] == (Source("cases", failed=False, routes=frozenset(), contracts=frozenset()),)
    assert sources["score_by_rule"] == (
        Source("score", failed=True, routes=frozenset({b"to:score_by_rule"}), contracts=frozenset()),
    )
    assert [(source.agent, source.routes) for source in sources["decide"]] == [("score", on), ("score_by_rule", on)]
    assert {source.agent for source in sources["park"]} == {"score", "score_by_rule", "decide", "answer"}
    assert all(source.routes == {b"escalate"} and source.failed for source in sources["park"])


def test_what_nobody_hears_ends_the_case(plan: Plan) -> None:
    assert {name: one.final for name, one in plan.agents.items()} == {
        "score": frozenset(),
        "score_by_rule": frozenset(),
        "decide": frozenset(),
        "answer": {"loans.answered"},
        "park": {"loans.parked"},
    }
    assert [name for name, one in plan.agents.items() if one.reads_cases] == ["score"]
    assert plan.escalation == "park"
    assert plan.emitters["loans.scored"] == {"score", "score_by_rule"}
    assert plan.emitters["loans.application"] == {"cases"}


def test_every_default_route_of_the_table_can_be_read() -> None:
    for reason in REASONS.values():
        if reason.name != "ok":
            assert " | ".join(map(str, default_route(reason.name).links)) == reason.default


def _hash(change: Callable[[Choreography], None] = lambda made: None, **options: object) -> str:
    given = {"starts": Application, "deadline": "1m", "handoffs": 1, **options}
    made = Choreography("one", **given)  # type: ignore[arg-type]
    change(made)
    if "score_by_rule" not in made.rows:
        made.on(score_by_rule, rubric_fail=retry(2) | escalate)
    return compile_plan(made).score_hash


def test_the_hash_is_of_what_decides() -> None:
    said = _hash()
    assert re.fullmatch("[0-9a-f]{16}", said)
    assert said == _hash(lambda made: made.on(score_by_rule, waive="for the docs", rubric_fail=retry(2) | escalate))
    different = [
        _hash(lambda made: made.on(score_by_rule, rubric_fail=retry(3) | escalate)),
        _hash(lambda made: made.on(score_by_rule, rubric_fail=retry(2, first="2s") | escalate)),
        _hash(lambda made: made.on(score_by_rule, rubric_fail=retry(2, cap="30s") | escalate)),
        _hash(lambda made: made.on(score_by_rule, rubric_fail=retry(2, varies="prompt") | escalate)),
        _hash(lambda made: made.on(score_by_rule, rubric_fail=retry(2) | dead_letter)),
        _hash(deadline="2m"),
        _hash(handoffs=2),
        _hash(lambda made: made.on(decide, invariant_broken=escalate)),
        _hash(otherwise={"agent_fault": escalate}),
    ]
    assert len({said, *different}) == 1 + len(different)


def test_the_order_of_rows_does_not_change_the_hash() -> None:
    def two(first: Callable[[Choreography], None], second: Callable[[Choreography], None]) -> str:
        made = Choreography("one", starts=Application, deadline="1m")
        first(made)
        second(made)
        return compile_plan(made).score_hash

    def read(made: Choreography) -> None:
        made.on(score_by_rule, rubric_fail=escalate)

    def judge(made: Choreography) -> None:
        made.on(decide, invariant_broken=escalate)

    assert two(read, judge) == two(judge, read)


@agent(budget="1s")
def also_scores(turn: Turn[Application]) -> Scored | Failure[Literal["rubric_fail"]]:
    return turn.fail("rubric_fail", "never does")


@agent(budget="1s")
def meets(turn: Turn[tuple[Scored, Decided]]) -> Parked:
    return Parked(queue="both")


def _refusal(made: Choreography) -> str:
    with pytest.raises(UsageError) as refused:
        compile_plan(made)
    return str(refused.value)


def test_a_fork_without_a_join_is_refused() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, fork="scores", rubric_fail=escalate)
    made.on(also_scores, fork="scores", rubric_fail=escalate)
    assert "ends with score_by_rule instead of a join" in _refusal(made)


def test_a_fork_of_one_branch_is_refused() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, fork="scores", rubric_fail=escalate)
    assert "fork 'scores' has one branch" in _refusal(made)


def test_a_join_without_a_fork_is_refused() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, rubric_fail=escalate)
    made.on(meets, waive="it only waits")
    assert "no fork leads there" in _refusal(made)


def test_branches_that_bring_the_same_contract_are_refused() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, fork="scores", rubric_fail=escalate)
    made.on(also_scores, fork="scores", rubric_fail=escalate)
    made.on(meets, waive="it only waits")
    assert "each branch brings a contract of its own, and all are joined" in _refusal(made)


def test_an_unsound_score_is_no_plan() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score, rubric_fail=to(score_by_rule), model_down=escalate, compliance_fail=escalate)
    assert "score: its rubric_fail goes to score_by_rule, which has no row in one" in _refusal(made)


def test_a_workflow_without_escalation_agent_has_none() -> None:
    made = Choreography("one", starts=Application, deadline="1m")
    made.on(score_by_rule, rubric_fail=escalate)
    plan = compile_plan(made)
    assert plan.escalation is None
    assert plan.agents["score_by_rule"].final == {"loans.scored"}
