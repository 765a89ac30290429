"""The example of the README's kind: a rehearsal that brings nothing of its own."""

import json
from pathlib import Path

import pytest
from rooms.agents.invoice_in_memory import InMemoryLedger
from rooms.contracts.invoice import Receipt
from rooms.saga.invoice import invoice

from misstep.testing import rehearse

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "receipts.jsonl"
receipt = next(
    Receipt.model_validate(example)
    for example in map(json.loads, EXAMPLES.read_text(encoding="utf-8").splitlines())
    if example["receipt_id"] == "sroie-617"
)


def test_a_slow_reader_hands_over():
    story = rehearse(invoice, receipt, force={"extract": ["latency_blow"] * 3})
    assert story.path == ["extract", "extract_fallback", "validate", "match_order", "post_entry", "notify"]


def test_each_rehearsal_has_an_empty_ledger_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[InMemoryLedger] = []
    begin = InMemoryLedger.__init__

    def remember(ledger: InMemoryLedger) -> None:
        begin(ledger)
        made.append(ledger)

    monkeypatch.setattr(InMemoryLedger, "__init__", remember)
    for _ in range(2):
        assert rehearse(invoice, receipt).outcome == "completed"
    assert [len(ledger.entries) for ledger in made] == [1, 1]


def test_a_stand_in_that_the_test_brings_comes_first() -> None:
    ledger = InMemoryLedger()
    ledger.down = True
    story = rehearse(invoice, receipt, dependencies=[ledger])
    assert (story.reasons[-1], story.outcome) == ("model_down", "dead_lettered")
