"""Every cell of the invoice score's matrix goes somewhere, on a real receipt."""

from typing import Any

from rooms.saga.invoice import invoice

from misstep.testing import walk


def test_every_cell_is_walked_on_the_examples(clear: dict[str, Any], refund: dict[str, Any]) -> None:
    walked = walk(invoice, [refund, clear])
    assert not walked.missed, str(walked)
    # An undo comes to undo_failed; and only `extract` hands over, so only it can run out of hand-overs.
    assert {agent for agent, reason in walked.beyond if reason == "undo_failed"} == set(invoice.rows)
    exhausted = {agent for agent, reason in walked.beyond if reason != "undo_failed"}
    assert exhausted == set(invoice.rows) - {"extract"}
    assert {reason for _, reason in walked.beyond} == {"undo_failed", "handoff_exhausted"}


def test_a_walked_cell_has_its_story(clear: dict[str, Any]) -> None:
    walked = walk(invoice, [clear]).walked
    handed_over = walked["extract", "latency_blow"].turns[0]
    assert (handed_over.route, handed_over.attempts) == ("to:extract_fallback", 3)
    assert walked["match_order", "model_down"].outcome == "completed"
    assert walked["extract", "handoff_exhausted"].outcome == "escalated"
