"""The matrix as people see it, and as ARCHITECTURE.md holds it."""

import io
import json

import pytest
from rich.console import Console

from misstep.errors import UsageError
from misstep.saga.architecture_check import check_architecture, check_leftovers
from misstep.saga.compile import compile_plan
from misstep.saga.matrix import EVERY_AGENT, EVERY_OTHER, agents_table, matrix_json, matrix_table
from misstep.saga.matrix_markdown import block_in, markers, matrix_markdown, with_block
from misstep.saga.matrix_text import matrix_text
from tests.joins.survey import survey
from tests.saga.loans import loans
from tests.saga.planted import the_one

PLAN = compile_plan(loans())
BEGIN, END = markers("loans")


def test_a_cell_in_words() -> None:
    words = {(row.agent, row.reason): row.words for row in matrix_table(PLAN)}
    assert words["score", "model_down"] == (
        "tried 2 times, 100 ms apart at first, then handed to `score_by_rule` (once at most), then dead-lettered"
    )
    assert words["score", "compliance_fail"] == "escalated to `park`"
    assert words["decide", "latency_blow"] == "goes on with `not_granted`"
    assert words["answer", "schema_invalid"] == (
        "tried 2 times, 1 s apart at first, with another wording each time, then escalated to `park`"
    )


def test_what_no_row_mentions_stands_at_the_end() -> None:
    rows = matrix_table(PLAN)
    ours = [row for row in rows if not row.declared]
    assert rows[-len(ours) :] == ours
    assert {row.reason: row.agent for row in ours}["schema_invalid"] == EVERY_OTHER  # `answer` has a route of its own
    assert {row.reason: row.agent for row in ours}["undo_failed"] == EVERY_AGENT


def test_every_declared_cell_is_in_the_table_once() -> None:
    cells = [(row.agent, row.reason) for row in matrix_table(PLAN) if row.declared]
    wanted = [(name, reason) for name, one in PLAN.agents.items() for reason, c in one.chains.items() if c.declared]
    assert cells == wanted


def test_the_markdown_is_two_tables() -> None:
    lines = matrix_markdown(PLAN).splitlines()
    assert lines[0] == "A case begins with loans.application@1.0; it has 1 min and 2 hand-offs."
    assert "| `score` | `rubric_fail` | handed to `score_by_rule`, then escalated to `park` |" in lines
    assert (
        "| `answer` | loans.decided@1.0 | loans.answered@1.0 | 5 s | service | "
        "sends a letter (irreversible: a letter cannot be called back) |  |" in lines
    )
    assert all(line.count(" | ") == lines[2].count(" | ") for line in lines[2:9])


def test_forks_joins_and_undos_stand_in_the_table() -> None:
    lines = matrix_markdown(compile_plan(survey)).splitlines()
    assert lines[2] == (
        "Fork `sides`: `ask_left` and `ask_middle` each take the case at once, and `put_together` joins what they say; "
        "what would end the case on the way is held until there."
    )
    (left,) = (line for line in lines if line.startswith("| `ask_left` (fork `sides`) |"))
    assert left.endswith("| asks the left | `unask_left`, tried 2 times, 20 ms apart at first |")
    (join,) = (line for line in lines if line.startswith("| `put_together` | joins "))
    assert "| joins survey.left@1.0 + survey.right@1.0 | survey.both@1.0 |" in join


def test_what_ends_a_case_on_a_branch_says_where_it_is_held() -> None:
    words = {(row.agent, row.reason): row.words for row in matrix_table(compile_plan(survey))}
    assert words["ask_left", "compliance_fail"] == "undone at `put_together`"
    assert words["ask_left", "rubric_fail"] == ("handed to `ask_left_again`, then handed to a person at `put_together`")
    assert words["put_together", "invariant_broken"] == "undone"
    held = {row.agent: row.held_by for row in agents_table(compile_plan(survey))}
    assert held["ask_right"] == "put_together"
    assert held["close_file"] == ""


def test_the_json_has_all_of_it() -> None:
    said = json.loads(json.dumps(matrix_json(PLAN)))
    assert said["workflow"] == "loans"
    assert said["deadline_ms"] == 60_000
    assert {"agent": "score", "reason": "compliance_fail"}.items() <= said["matrix"][0].items()


def test_the_text_shows_every_agent() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(matrix_text(PLAN))
    text = console.export_text()
    assert "score_by_rule" in text
    assert "handed to score_by_rule, then escalated to park" in text


def _document(block: str) -> str:
    return f"# Architecture\n\nWords.\n\n{BEGIN}\n\n{block}\n\n{END}\n\nMore words.\n"


def test_a_document_that_holds_the_matrix_is_fine() -> None:
    assert list(check_architecture(PLAN, _document(matrix_markdown(PLAN)))) == []
    spaced = "\n".join(f"{line}  " for line in matrix_markdown(PLAN).splitlines())
    assert list(check_architecture(PLAN, _document(spaced))) == []


def test_a_cell_that_disagrees_is_shown() -> None:
    block = matrix_markdown(PLAN).replace("goes on with `not_granted`", "handed to a person")
    (finding,) = check_architecture(PLAN, _document(block))
    said = the_one([finding])
    assert "has '| `decide` | `latency_blow` | handed to a person |'" in said
    assert "where the score says '| `decide` | `latency_blow` | goes on with `not_granted` |'" in said
    assert finding.where == "ARCHITECTURE.md:5"


def test_a_row_too_many_or_too_few_is_shown() -> None:
    block = matrix_markdown(PLAN)
    assert "where the score says nothing" in the_one(check_architecture(PLAN, _document(f"{block}\n| a | b | c |")))
    shorter = "\n".join(block.splitlines()[:-1])
    assert "has nothing where the score says" in the_one(check_architecture(PLAN, _document(shorter)))


@pytest.mark.parametrize("text", [None, "", "# Architecture\n", f"{BEGIN}\nnever closed"])
def test_a_document_without_the_matrix(text: str | None) -> None:
    said = the_one(check_architecture(PLAN, text))
    assert f"put what `misstep matrix show loans --markdown` prints between {BEGIN} and {END}" in said


def test_a_matrix_of_a_workflow_that_is_gone() -> None:
    assert list(check_leftovers(_document("x"), ["loans"])) == []
    assert "holds a matrix of loans" in the_one(check_leftovers(_document("x"), ["fines"]))


def test_a_block_is_put_where_its_markers_are() -> None:
    written = with_block(_document("old"), PLAN)
    assert written.startswith("# Architecture\n\nWords.\n\n")
    assert written.endswith("\n\nMore words.\n")
    assert block_in(written, "loans") == matrix_markdown(PLAN)
    assert with_block(written, PLAN) == written
    with pytest.raises(UsageError, match="write the lines <!-- matrix:loans -->"):
        with_block("# Architecture\n", PLAN)
