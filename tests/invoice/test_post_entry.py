import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from rooms.agents.invoice import post_entry
from rooms.agents.invoice_in_memory import InMemoryLedger
from rooms.agents.invoice_ledger import INPUT_TAX, ORDERED, PAYABLE, UNORDERED
from rooms.contracts.invoice import Matched, Posted, Reversed
from rooms.saga.invoice import reverse_entry

from misstep import Failure, Undo
from tests.invoice.turns import refused, run, said, turn_of

MATCHED = Matched(
    receipt_id="r",
    company="KEDAI",
    purchased_on=dt.date(2018, 3, 4),
    total=Decimal("12.30"),
    tax=Decimal("0.70"),
    currency="MYR",
    order_number="PO-1",
)


def lines(matched: Matched) -> dict[str, Decimal]:
    ledger = InMemoryLedger()
    said(run(post_entry(turn_of(matched), ledger)))
    (entry,) = ledger.entries.values()
    assert sum(line.amount for line in entry.lines) == 0
    return {line.account: line.amount for line in entry.lines}


def test_cost_and_tax_are_booked_against_what_the_supplier_is_owed() -> None:
    assert lines(MATCHED) == {ORDERED: Decimal("11.60"), INPUT_TAX: Decimal("0.70"), PAYABLE: Decimal("-12.30")}


def test_without_proven_tax_the_whole_sum_is_cost() -> None:
    assert lines(MATCHED.model_copy(update={"tax": None})) == {ORDERED: Decimal("12.30"), PAYABLE: Decimal("-12.30")}


def test_a_purchase_without_order_has_its_own_account() -> None:
    assert UNORDERED in lines(MATCHED.model_copy(update={"order_number": None}))


@pytest.mark.parametrize("tax", ["12.30", "13.00", "-1.00", "0.00"])
def test_a_tax_that_cannot_be_is_not_booked(tax: str) -> None:
    assert INPUT_TAX not in lines(MATCHED.model_copy(update={"tax": Decimal(tax)}))


def test_the_same_turn_run_again_books_nothing_more_and_answers_the_same() -> None:
    ledger = InMemoryLedger()
    first, again = (said(run(post_entry(turn_of(MATCHED), ledger))) for _ in range(2))
    assert first == again
    assert len(ledger.entries) == 1


def test_what_is_posted_says_total_currency_and_entry() -> None:
    posted = said(run(post_entry(turn_of(MATCHED), InMemoryLedger())))
    assert (posted.total, posted.currency, posted.entry_id) == (Decimal("12.30"), "MYR", "1")


def test_a_key_that_stands_for_another_entry_breaks_an_invariant() -> None:
    ledger = InMemoryLedger()
    said(run(post_entry(turn_of(MATCHED), ledger)))
    other = MATCHED.model_copy(update={"total": Decimal("99.00")})
    assert refused(run(post_entry(turn_of(other), ledger))).reason == "invariant_broken"


def test_a_ledger_that_is_down_is_a_dependency_that_is_down() -> None:
    ledger = InMemoryLedger()
    ledger.down = True
    with pytest.raises(Failure) as failure:
        run(post_entry(turn_of(MATCHED), ledger))
    assert failure.value.reason == "model_down"


def undo_of(key: str, **more: Any) -> Undo[Matched, Posted]:
    return Undo(MATCHED, None, Failure("model_down", ""), key, **more)


def test_a_booked_entry_is_undone_by_its_opposite_once_however_often_it_is_asked() -> None:
    ledger = InMemoryLedger()
    turn = turn_of(MATCHED)
    posted = said(run(post_entry(turn, ledger)))
    answers = [run(reverse_entry(undo_of(turn.idempotency_key), ledger)) for _ in range(2)]
    assert isinstance(answers[0], Reversed)
    assert answers[0].entry_id == posted.entry_id
    assert answers[0] == answers[1]


def test_where_nothing_was_booked_there_is_nothing_to_undo() -> None:
    assert run(reverse_entry(undo_of("never"), InMemoryLedger())) is None
