"""A declaration that is wrong is refused where it stands, in one sentence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from misstep import Choreography, Undo, escalate, retry, to
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from tests.saga.loans import Application, Scored, decide, score_by_rule


def _score(**options: Any) -> Choreography:
    return Choreography("one", **{"starts": Application, "deadline": "1m", **options})


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Choreography("Loans", starts=Application, deadline="1m"), "a workflow's name is lower case letters"),
        (lambda: _score(starts=int), "starts=<class 'int'> is no Contract"),
        (lambda: _score(deadline="soon"), "deadline 'soon' is not a duration"),
        (lambda: _score(deadline="0s"), "must be longer than nothing"),
        (lambda: _score(handoffs=-1), "handoffs=-1 is not a number of hand-offs"),
        (lambda: _score(handoffs=True), "handoffs=True is not a number of hand-offs"),
        (lambda: _score(otherwise={"ok": escalate}), "ok is no failure"),
        (lambda: _score(otherwise={"Bad Name": escalate}), "'Bad Name' cannot be a reason"),
        (lambda: _score(otherwise={"rubric_fail": "escalate"}), "'escalate' is no route"),
        (lambda: _score().on(lambda turn: None), "is no agent; give on() the function under @agent"),  # type: ignore[arg-type]
        (lambda: _score().on(decide, rubric_fail="escalate"), "agent decide, rubric_fail: 'escalate' is no route"),  # type: ignore[arg-type]
        (lambda: _score().on(decide, own={"Bad Name": escalate}), "'Bad Name' cannot be a reason"),
        (lambda: _score().on(decide, own={"rubric_fail": escalate}), "write it as a keyword of on()"),
        (lambda: _score().on(score_by_rule, rubric_fail=retry(2) | to(score_by_rule)), "hands over to itself"),
        (lambda: _score().undo("decide"), "give it the function under @agent"),  # type: ignore[call-overload]
    ],
)
def test_a_wrong_declaration(declare: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        declare()
    assert said in str(refused.value)
    assert "test_choreography.py:" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_agent_has_one_row() -> None:
    made = _score()
    made.on(decide, invariant_broken=escalate)
    with pytest.raises(UsageError, match=f"it has a row already, at {made.rows['decide'].where}"):
        made.on(decide, invariant_broken=escalate)


def test_one_agent_has_one_undo() -> None:
    made = _score()

    @made.undo(score_by_rule)
    async def forget(undo: Undo[Application, Scored]) -> None: ...

    assert made.undos["score_by_rule"].function is forget
    with pytest.raises(UsageError, match="has an undo already"):
        made.undo(score_by_rule)


def test_a_deadline_may_be_a_timedelta() -> None:
    assert _score(deadline=timedelta(minutes=2)).deadline_ms == 120_000


def test_an_otherwise_that_no_agent_can_fail_with_is_refused() -> None:
    made = _score(otherwise={"rubric_fial": escalate})
    made.on(score_by_rule, rubric_fail=escalate)
    with pytest.raises(UsageError, match="otherwise names 'rubric_fial'"):
        compile_plan(made)


def test_a_row_knows_where_it_stands() -> None:
    made = _score()
    made.on(decide, invariant_broken=escalate)
    assert "test_choreography.py:" in made.where
    assert "test_choreography.py:" in made.rows["decide"].where
