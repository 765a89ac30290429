"""Every cell of the credit score's matrix goes where it says, on real applications."""

from __future__ import annotations

from typing import Any

from rooms.saga.credit import credit

from misstep.testing import walk


def test_every_cell_is_walked_on_the_examples(granted: dict[str, Any], declined: dict[str, Any]) -> None:
    walked = walk(credit, [declined, granted])
    assert not walked.missed, str(walked)
    undone = {agent for agent, reason in walked.walked if reason == "undo_failed"}
    assert undone == {"offer", "register"}
    assert {why for (_, reason), why in walked.beyond.items() if reason == "undo_failed"} == {"it has no undo"}


def test_a_failure_on_a_branch_ends_the_case_at_the_join(granted: dict[str, Any]) -> None:
    story = walk(credit, [granted]).walked["risk", "compliance_fail"]
    assert (story.outcome, story.path[-1]) == ("escalated", "decide")
    assert story.turns[-1].evidence["failed_in"] == ["risk"]
