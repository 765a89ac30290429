import datetime as dt
from decimal import Decimal

import pytest
from rooms.agents.invoice import notify
from rooms.agents.invoice_in_memory import InMemoryRemittances
from rooms.contracts.invoice import Posted

from misstep import Failure
from tests.invoice.turns import run, said, turn_of

POSTED = Posted(
    receipt_id="r",
    entry_id="7",
    company="KEDAI",
    purchased_on=dt.date(2018, 3, 4),
    total=Decimal("12.30"),
    currency="MYR",
    order_number="PO-1",
)


def test_the_supplier_is_told_what_was_booked() -> None:
    remittances = InMemoryRemittances()
    remitted = said(run(notify(turn_of(POSTED), remittances)))
    (note,) = remittances.notes.values()
    assert note.text == (
        "KEDAI: your receipt r of 04 March 2018 over MYR 12.30 is booked under order PO-1 as entry 7 "
        "and will be paid with the next run."
    )
    assert (remitted.entry_id, remitted.note_id, remitted.supplier) == ("7", "1", "KEDAI")


def test_a_supplier_without_a_name_is_told_politely() -> None:
    remittances = InMemoryRemittances()
    bare = POSTED.model_copy(update={"company": None, "purchased_on": None, "order_number": None})
    said(run(notify(turn_of(bare), remittances)))
    (note,) = remittances.notes.values()
    assert note.text.startswith("Dear supplier: your receipt r over MYR 12.30 is booked as entry 7")


def test_the_same_turn_run_again_writes_one_note() -> None:
    remittances = InMemoryRemittances()
    first, again = (said(run(notify(turn_of(POSTED), remittances))) for _ in range(2))
    assert first == again
    assert len(remittances.notes) == 1


def test_notes_that_cannot_be_kept_are_a_dependency_that_is_down() -> None:
    remittances = InMemoryRemittances()
    remittances.down = True
    with pytest.raises(Failure) as failure:
        run(notify(turn_of(POSTED), remittances))
    assert failure.value.reason == "model_down"
