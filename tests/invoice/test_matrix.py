"""Each cell of the matrix, forced once."""

from typing import Any

import pytest
from rooms.saga.invoice import invoice

from misstep.agents.route import RetryLink
from misstep.saga.compile import compile_plan
from misstep.testing.rehearse import Story, rehearse
from tests.invoice.office import Office

HAPPY = ["extract", "validate", "match_order", "post_entry", "notify"]
FALLBACK = ["extract", "extract_fallback", *HAPPY[1:]]

# agent, reason, how often in a row -> who answered in the end, outcome
CELLS: list[tuple[str, str, int, list[str], str]] = [
    ("extract", "rubric_fail", 1, FALLBACK, "completed"),
    ("extract", "latency_blow", 1, HAPPY, "completed"),
    ("extract", "latency_blow", 3, FALLBACK, "completed"),
    ("validate", "rubric_fail", 1, HAPPY[:2], "escalated"),
    ("validate", "invariant_broken", 1, HAPPY[:2], "escalated"),
    ("validate", "latency_blow", 1, HAPPY, "completed"),
    ("validate", "latency_blow", 2, HAPPY[:2], "escalated"),
    ("match_order", "model_down", 1, HAPPY, "completed"),
    ("match_order", "latency_blow", 1, HAPPY, "completed"),
    ("post_entry", "model_down", 1, HAPPY, "completed"),
    ("post_entry", "model_down", 2, HAPPY[:4], "dead_lettered"),
    ("post_entry", "latency_blow", 1, HAPPY, "completed"),
    ("post_entry", "latency_blow", 2, HAPPY[:4], "dead_lettered"),
    ("post_entry", "invariant_broken", 1, HAPPY[:4], "escalated"),
    ("notify", "model_down", 2, HAPPY, "completed"),
    ("notify", "model_down", 3, HAPPY, "dead_lettered"),
    ("notify", "latency_blow", 2, HAPPY, "completed"),
    ("notify", "latency_blow", 3, HAPPY, "dead_lettered"),
]


def played(receipt: dict[str, Any], office: Office, **force: list[str]) -> Story:
    return rehearse(invoice, receipt, force=force, dependencies=office.dependencies)


@pytest.mark.parametrize(("agent", "reason", "times", "path", "outcome"), CELLS)
def test_a_forced_failure_goes_where_the_score_says(
    clear: dict[str, Any], office: Office, agent: str, reason: str, times: int, path: list[str], outcome: str
) -> None:
    story = played(clear, office, **{agent: [reason] * times})
    assert (story.path, story.outcome) == (path, outcome)
    assert len(office.ledger.entries) == (outcome == "completed" or agent == "notify")


@pytest.mark.parametrize("reason", ["rubric_fail", "latency_blow"])
def test_what_the_last_reader_cannot_do_either_is_for_a_person(
    clear: dict[str, Any], office: Office, reason: str
) -> None:
    story = played(clear, office, extract=["rubric_fail"], extract_fallback=[reason])
    assert (story.path, story.outcome) == (["extract", "extract_fallback"], "escalated")


@pytest.mark.parametrize("agent", HAPPY)
def test_a_bug_in_any_agent_is_kept_as_a_dead_letter(clear: dict[str, Any], office: Office, agent: str) -> None:
    story = played(clear, office, **{agent: ["agent_fault"]})
    assert (story.path[-1], story.outcome) == (agent, "dead_lettered")
    assert len(story.dead_letters) == 1


@pytest.mark.parametrize("reason", ["model_down", "latency_blow"])
def test_without_the_register_the_version_says_that_it_is_a_neutral_default(
    clear: dict[str, Any], office: Office, reason: str
) -> None:
    story = played(clear, office, match_order=[reason])
    (matched,) = [event for event in story.turns if event.agent == "match_order"]
    assert (matched.reason, matched.route, matched.degraded) == ("ok", "degrade", reason)


def test_bytes_that_are_no_receipt_are_a_dead_letter_byte_for_byte(office: Office) -> None:
    story = rehearse(invoice, b'{"receipt_id": "r", "lines": [{"te', dependencies=office.dependencies)
    assert (story.reasons, story.outcome) == (["schema_invalid"], "dead_lettered")
    assert story.dead_letters[0].value == b'{"receipt_id": "r", "lines": [{"te'


def test_a_receipt_without_a_total_is_escalated_after_both_readers(refund: dict[str, Any], office: Office) -> None:
    story = played(refund, office)
    assert (story.path, story.reasons) == (["extract", "extract_fallback"], ["rubric_fail", "rubric_fail"])
    assert story.outcome == "escalated"
    assert not office.ledger.entries


def test_a_total_that_the_other_figures_contradict_is_never_posted(clear: dict[str, Any], office: Office) -> None:
    boxes = [{**box, "text": "95.00"} if 1240 < box["y"] < 1330 and box["x"] > 500 else box for box in clear["lines"]]
    assert boxes != clear["lines"]
    story = played({**clear, "lines": boxes}, office)
    assert (story.path, story.reasons) == (["extract", "validate"], ["ok", "invariant_broken"])
    assert story.outcome == "escalated"
    assert not office.ledger.entries


def test_every_retry_of_the_score_was_used_up_above() -> None:
    walked = {(agent, reason) for agent, reason, _, _, _ in CELLS}
    for name, agent in compile_plan(invoice).agents.items():
        for reason, chain in agent.chains.items():
            if chain.declared and any(isinstance(link, RetryLink) for link in chain.links):
                assert (name, reason) in walked


def test_every_failure_that_an_agent_names_has_a_cell_of_its_own() -> None:
    for name, row in invoice.rows.items():
        assert set(row.agent.signature.fails) <= set(row.routes), name
