"""A case that died on a branch of a fork, or at its join, goes back with what the other branches had brought."""

from dataclasses import replace

import orjson
import pytest

from tests.dlq.conftest import Shop, by, unique


@pytest.fixture(scope="session")
def checks(shop: Shop) -> Shop:
    """The workflow that forks, in the same namespace."""
    return replace(shop, workflow="checks")


def result(checks: Shop, case: str, epoch: int = 1) -> tuple[object, ...]:
    (row,) = checks.rows(
        "SELECT payload ->> 'left', payload ->> 'right', payload ->> 'key' FROM case_turns "
        "WHERE case_id = %s AND agent = 'put_together' AND epoch = %s", case, epoch,
    )  # fmt: skip
    return row


def redriven(checks: Shop, case: str) -> None:
    (letter,) = checks.letters(case)
    checks.replay(checks.plan(letter))
    checks.ends("completed", case, epoch=1)
    assert checks.json("why", case)["verified"]


def test_one_branch_runs_again_and_the_other_is_handed_over(checks: Shop) -> None:
    (case,) = unique("branch")
    checks.publish(**{case: {"number": 3, "script": {"look_left": ["model_down"]}}})
    redriven(checks, case)
    assert result(checks, case) == ("3", "3", f"checks/{case}/1/5/put_together")
    (again,) = checks.inbox("look_left", case)
    assert again.text("ce_idempotencykey") == f"checks/{case}/0/1/look_left"
    (handed,) = checks.inbox("put_together", case)
    assert handed.text("ce_type") == "checks.right"
    assert not checks.inbox("look_right", case)


def test_both_branches_run_again_when_both_had_failed(checks: Shop) -> None:
    (case,) = unique("both")
    checks.publish(**{case: {"number": 3, "script": {"look_left": ["model_down"], "look_right": ["model_down"]}}})
    redriven(checks, case)
    assert result(checks, case)[:2] == ("3", "3")
    assert len(checks.inbox("look_left", case)) == len(checks.inbox("look_right", case)) == 1


def test_a_join_that_failed_is_given_both_halves_again_under_its_key(checks: Shop) -> None:
    (case,) = unique("join")
    checks.publish(**{case: {"number": 3, "script": {"put_together": ["model_down"]}}})
    (letter,) = checks.letters(case)
    assert (
        "joins branches" in checks.json("redrive", "plan", letter, "--repair", "nothing", code=1)["why_not"][0]["why"]
    )
    redriven(checks, case)
    assert result(checks, case) == ("3", "3", f"checks/{case}/0/2/put_together")


def test_an_answer_for_one_branch_meets_the_other_one(checks: Shop) -> None:
    (case,) = unique("answer")
    checks.publish(**{case: {"number": 3, "script": {"look_left": ["rubric_fail"]}}})
    checks.ends("escalated", case)
    assert case in [one["case_id"] for one in checks.json("queue", "ls", "--agent", "look_left")["cases"]]
    said = checks.json("queue", "show", case)
    assert (said["agent"], said["reason"]) == ("look_left", "rubric_fail")
    assert checks.json("queue", "answer", case, "--suggestion", "1", *by("ann"))["goes_to"] == ["put_together"]
    checks.ends("completed", case, epoch=1)
    assert result(checks, case)[:2] == ("100", "3")
    halves = {orjson.dumps(one.text("ce_type")) for one in checks.inbox("put_together", case)}
    assert halves == {b'"checks.left"', b'"checks.right"'}


def test_a_case_that_dies_again_goes_back_again(checks: Shop) -> None:
    (case,) = unique("again")
    checks.publish(**{case: {"number": 3, "script": {"look_left": ["model_down", "model_down"]}}})
    (letter,) = checks.letters(case)
    checks.replay(checks.plan(letter), code=1)
    checks.ends("dead_lettered", case, epoch=1)
    checks.replay(checks.plan(str(checks.letter(case, 1))))
    checks.ends("completed", case, epoch=2)
    assert result(checks, case, 2)[:2] == ("3", "3")
    assert checks.json("why", case)["verified"]
