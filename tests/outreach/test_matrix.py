"""The matrix of `outreach`, to the letter, and every cell of it walked on real fines."""

from __future__ import annotations

from typing import Any

import pytest
from rooms.saga.outreach import outreach

from misstep.agents.route import ToLink
from misstep.contracts.event import ESCALATE
from misstep.saga.compile import compile_plan
from misstep.testing import rehearse, walk

PERSON, FALLBACK = "escalation", "drafter_fallback"
MATRIX = {
    ("intake", "schema_invalid"): PERSON,
    ("compliance_check", "compliance_fail"): PERSON,
    ("compliance_check", "schema_invalid"): PERSON,
    ("drafter_primary", "model_down"): FALLBACK,
    ("drafter_primary", "latency_blow"): FALLBACK,
    ("drafter_primary", "schema_invalid"): FALLBACK,
    ("drafter_fallback", "model_down"): PERSON,
    ("drafter_fallback", "latency_blow"): PERSON,
    ("reviewer", "rubric_fail"): FALLBACK,
    ("reviewer", "handoff_exhausted"): PERSON,
}
AGENTS = ["intake", "compliance_check", "drafter_primary", "drafter_fallback", "reviewer", "escalation"]


def test_the_score_says_exactly_the_matrix() -> None:
    plan = compile_plan(outreach)
    assert list(plan.agents) == AGENTS
    assert plan.escalation == PERSON
    said = {}
    for name, agent in plan.agents.items():
        for reason, chain in agent.chains.items():
            if chain.declared:
                targets = [link.agent.name for link in chain.links if isinstance(link, ToLink)]
                said[name, reason] = targets[0] if targets else PERSON if chain.ending == ESCALATE else chain.ending
    assert said == MATRIX


@pytest.mark.parametrize(("agent", "reason"), MATRIX)
def test_a_failure_goes_where_the_matrix_says(unpaid: dict[str, Any], agent: str, reason: str) -> None:
    force: dict[str, list[str]] = {agent: [reason] * (2 if reason == "schema_invalid" else 1)}
    if agent == FALLBACK:
        force["drafter_primary"] = ["model_down"]
    if reason == "handoff_exhausted":
        force = {agent: ["rubric_fail"] * (outreach.handoffs + 1)}
    story = rehearse(outreach, unpaid, force=force)
    (after,) = [
        two.agent
        for one, two in zip(story.turns, story.turns[1:], strict=False)
        if (one.agent, one.reason) == (agent, reason)
    ]
    assert after == MATRIX[agent, reason]
    assert story.outcome == ("escalated" if MATRIX[agent, reason] == PERSON else "completed")


def test_every_cell_is_walked_on_the_fines(fines: list[dict[str, Any]]) -> None:
    walked = walk(outreach, [fine for fine in fines if fine["fine_id"] in ("N77802", "N62843", "A17641")])
    assert not walked.missed, str(walked)
    assert {cell for cell in MATRIX if cell not in walked.walked} == set()
    assert walked.walked["drafter_primary", "schema_invalid"].outcome == "completed"
    assert {reason for _, reason in walked.beyond} <= {"undo_failed", "handoff_exhausted"}


def test_bytes_that_are_no_fine_come_to_the_person_byte_for_byte() -> None:
    story = rehearse(outreach, b'{"fine_id": "F1", "events": [{"conc')
    assert (story.path, story.reasons, story.outcome) == (["intake", PERSON], ["schema_invalid", "ok"], "escalated")
    handed = story.turns[-1].payload
    assert "cannot be read: 35 bytes" in " ".join(handed["summary"])


def test_a_register_that_contradicts_itself_comes_to_a_person_with_its_fields(partly_paid: dict[str, Any]) -> None:
    events = [dict(event) for event in partly_paid["events"]]
    events[-1]["totalPaymentAmount"] = "99.0"
    story = rehearse(outreach, {**partly_paid, "events": events})
    assert (story.path, story.reasons[1]) == (["intake", "compliance_check", PERSON], "schema_invalid")
    assert "the register's total is 99.0" in story.turns[1].detail
    assert story.turns[-1].payload["fine_id"] == partly_paid["fine_id"]
