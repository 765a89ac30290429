"""The agents of the workflow `invoice`: a scanned receipt is read, checked, matched, booked and answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Literal

from pydantic import JsonValue, ValidationError
from rooms.agents.invoice_ledger import Entry, Ledger, Unbookable, lines_of
from rooms.agents.invoice_orders import Orders, match
from rooms.agents.invoice_reader import ReceiptReader
from rooms.agents.invoice_remittances import Note, Remittances, text_of
from rooms.agents.receipts import Figures, Reading, judge, read_by_consensus
from rooms.contracts.invoice import (
    TRUSTED_FROM,
    Extracted,
    Matched,
    Method,
    Posted,
    Receipt,
    Remitted,
    SecondReading,
    StatedFigures,
    Trusted,
    Validated,
)

from misstep import Contract, Failure, Turn, agent

SEN = Decimal("0.01")
LARGEST_TOTAL = Decimal("9999999.99")


@agent(budget="2s", owner="capture")
async def extract(turn: Turn[Receipt], reader: ReceiptReader) -> Extracted | Failure[Literal["rubric_fail"]]:
    """Reads the total by its row's words, and has the sums' agreement as a second opinion."""
    receipt = turn.payload
    reading = await reader.read_receipt(receipt)
    if doubt := _doubt(reading):
        return turn.fail("rubric_fail", doubt, **_seen(reading))
    turn.note(f"the total stands on {str(reading.evidence.get('row'))[:80]!r}", read=_seen(reading))
    return _extracted(receipt, "primary", reading, _second("consensus", read_by_consensus(receipt.lines)))


@agent(budget="2s", owner="capture")
def extract_fallback(turn: Turn[Receipt]) -> Extracted | Failure[Literal["rubric_fail"]]:
    """Reads the total by agreement among the sums; what `extract` was unsure of is its second opinion."""
    receipt = turn.payload
    reading = read_by_consensus(receipt.lines)
    primary = _what_extract_saw(turn)
    if doubt := _doubt(reading):
        suggestions = [
            _said(_extracted, receipt, one.method, replace(reading, total=one.total, confidence=1.0), None)
            for one in _totals_to_choose_from(_second("consensus", reading), primary)
        ]
        return turn.fail("rubric_fail", doubt, **_seen(reading), suggestions=[one for one in suggestions if one])
    turn.note(f"the sums agree on {reading.total}", read=_seen(reading))
    return _extracted(receipt, "consensus", reading, primary)


@agent(budget="1s", owner="controlling")
def validate(turn: Turn[Trusted]) -> Validated | Failure[Literal["rubric_fail", "invariant_broken"]]:
    """Lets a total through only when the receipt's own figures and the second reading bear it out."""
    said = turn.payload
    reading = Reading(
        company=said.company,
        date=said.purchased_on,
        address=None,
        total=said.total,
        currency=said.currency,
        confidence=said.confidence,
        figures=_figures(said.figures),
    )
    verdict = judge(reading, _as_reading(said.second), today=dt.datetime.now(dt.UTC).date())
    if verdict.failure is not None:
        return turn.fail(
            verdict.failure,
            f"{said.currency} {said.total} is trusted {verdict.trust:.1%}, not to be posted unseen: "
            f"{'; '.join(verdict.why)}",
            trust=verdict.trust,
            findings=list(verdict.why),
            figures=said.figures.model_dump(mode="json", exclude_defaults=True),
            suggestions=_confirmed(said),
        )
    turn.note(f"{'; '.join(verdict.why)}", trust=verdict.trust)
    return _validated(said, said.method, said.total, verdict.trust, verdict.why)


@agent(budget="500ms", owner="purchasing")
async def match_order(turn: Turn[Validated], orders: Orders) -> Matched | Failure[Literal["model_down"]]:
    """Finds the purchase order that covers the receipt, or the likeliest ones."""
    said = turn.payload
    candidates = []
    if said.company is not None:
        async with turn.calling("orders"):
            candidates = list(await orders.orders_like(said.company))
    found = match(candidates, said.company, said.total, said.currency, said.purchased_on)
    number = found.order.order_number if found.order else None
    turn.note(
        f"covered by order {number}" if number else "no order covers it", order=number, suggested=len(found.suggestions)
    )
    return Matched(
        receipt_id=said.receipt_id,
        company=said.company,
        purchased_on=said.purchased_on,
        total=said.total,
        tax=said.tax,
        currency=said.currency,
        order_number=number,
        suggestions=found.suggestions,
    )


def without_order(turn: Turn[Validated]) -> Matched:
    """What goes on when the register is down: the same receipt, under no order."""
    said = turn.payload
    return Matched(
        receipt_id=said.receipt_id,
        company=said.company,
        purchased_on=said.purchased_on,
        total=said.total,
        tax=said.tax,
        currency=said.currency,
    )


@agent(budget="3s", owner="ledger", effect="books an entry")
async def post_entry(
    turn: Turn[Matched], ledger: Ledger
) -> Posted | Failure[Literal["model_down", "invariant_broken"]]:
    """Books what the receipt cost against what its supplier is owed."""
    said = turn.payload
    entry = Entry(
        case_id=turn.case_id,
        document=said.receipt_id,
        supplier=said.company,
        order_number=said.order_number,
        purchased_on=said.purchased_on,
        currency=said.currency,
        lines=lines_of(said.total, said.tax, ordered=said.order_number is not None),
    )
    async with turn.calling("ledger"):
        try:
            entry_id = await ledger.book(entry, key=turn.idempotency_key)
        except Unbookable as refusal:
            return turn.fail("invariant_broken", str(refusal), key=turn.idempotency_key)
    turn.note(f"booked as entry {entry_id}", accounts=[line.account for line in entry.lines])
    return Posted(
        receipt_id=said.receipt_id,
        entry_id=entry_id,
        company=said.company,
        purchased_on=said.purchased_on,
        total=said.total,
        currency=said.currency,
        order_number=said.order_number,
    )


@agent(
    budget="2s",
    owner="suppliers",
    effect="writes a note to the supplier",
    irreversible="it is the last step, and a note that went out cannot be taken back",
)
async def notify(turn: Turn[Posted], remittances: Remittances) -> Remitted | Failure[Literal["model_down"]]:
    """Tells the supplier that its receipt is booked."""
    said = turn.payload
    note = Note(turn.case_id, said.entry_id, said.company, text_of(said))
    async with turn.calling("remittances"):
        note_id = await remittances.write(note, key=turn.idempotency_key)
    turn.note(f"written as note {note_id}")
    return Remitted(
        receipt_id=said.receipt_id,
        entry_id=said.entry_id,
        note_id=note_id,
        supplier=said.company,
        total=said.total,
        currency=said.currency,
    )


def _doubt(reading: Reading) -> str:
    """Why a reading is not worth checking; empty when it is."""
    if reading.total is None:
        return "no total could be read"
    if not 0 < reading.total <= LARGEST_TOTAL or reading.total % SEN:
        return f"{reading.total} is no sum that a receipt comes to"
    if reading.confidence < TRUSTED_FROM:
        return f"the total {reading.total} is only {reading.confidence:.0%} sure"
    return ""


def _seen(reading: Reading) -> dict[str, JsonValue]:
    """A reading as evidence."""
    total = None if reading.total is None else str(reading.total)
    return {"total": total, "confidence": reading.confidence, **_json(reading)}


def _json(reading: Reading) -> dict[str, JsonValue]:
    return {name: list(value) if isinstance(value, list) else value for name, value in reading.evidence.items()}


def _extracted(receipt: Receipt, method: Method, reading: Reading, second: SecondReading | None) -> Extracted:
    assert reading.total is not None
    return Extracted(
        receipt_id=receipt.receipt_id,
        method=method,
        company=reading.company,
        purchased_on=reading.date,
        total=reading.total,
        currency=reading.currency,
        confidence=reading.confidence,
        figures=StatedFigures.model_validate(reading.figures, from_attributes=True),
        second=second,
    )


def _second(method: Method, reading: Reading) -> SecondReading:
    return SecondReading(method=method, total=reading.total, confidence=reading.confidence)


def _what_extract_saw(turn: Turn[Receipt]) -> SecondReading | None:
    """The primary's doubtful reading, from the failure that brought the case here; None when it was only slow."""
    if turn.failure is None or turn.failure.reason != "rubric_fail":
        return None
    total, confidence = turn.failure.evidence.get("total"), turn.failure.evidence.get("confidence")
    try:
        read = Decimal(total) if isinstance(total, str) else None
    except InvalidOperation:
        return None
    sure = float(confidence) if isinstance(confidence, int | float) and 0 <= confidence <= 1 else 0.0
    return SecondReading(method="primary", total=read, confidence=sure)


def _figures(stated: StatedFigures) -> Figures:
    return Figures(
        subtotal=stated.subtotal,
        tax=stated.tax,
        discount=stated.discount,
        service=stated.service,
        rounding=stated.rounding,
        cash=stated.cash,
        change=stated.change,
        taxed=stated.taxed,
        parts=stated.parts,
        items=stated.items,
    )


def _as_reading(second: SecondReading | None) -> Reading | None:
    if second is None:
        return None
    return Reading(company=None, date=None, address=None, total=second.total, currency="", confidence=second.confidence)


def _proven_tax(figures: StatedFigures, total: Decimal) -> Decimal | None:
    """The stated tax where it and what it was reckoned on make the total; None where that cannot be shown."""
    if figures.tax is None or figures.taxed is None or not 0 < figures.tax < total or figures.tax % SEN:
        return None
    return figures.tax if abs(figures.taxed + figures.tax - total) < 5 * SEN else None


def _validated(said: Trusted, method: Method, total: Decimal, trust: float, findings: tuple[str, ...]) -> Validated:
    return Validated(
        receipt_id=said.receipt_id,
        company=said.company,
        purchased_on=said.purchased_on,
        total=total,
        tax=_proven_tax(said.figures, total),
        currency=said.currency,
        method=method,
        trust=trust,
        findings=findings,
    )


def _confirmed(said: Trusted) -> list[JsonValue]:
    """What a person may confirm, as it would go on from here."""
    own = SecondReading(method=said.method, total=said.total, confidence=said.confidence)
    answers = [
        _said(_validated, said, one.method, one.total, 1.0, ("a person confirmed the total",))
        for one in _totals_to_choose_from(own, said.second)
    ]
    return [one for one in answers if one]


def _said(make: Callable[..., Contract], *parts: object) -> JsonValue:
    """A contract's payload as JSON, to be suggested; None when no such payload can be."""
    try:
        suggested: JsonValue = make(*parts).model_dump(mode="json", exclude_defaults=True)
    except ValidationError:
        return None
    return suggested


def _totals_to_choose_from(*readings: SecondReading | None) -> list[SecondReading]:
    """What a person may want to confirm, likeliest first, each total once."""
    by_total: dict[Decimal, SecondReading] = {}
    for reading in sorted(filter(None, readings), key=lambda reading: -reading.confidence):
        if reading.total is not None:
            by_total.setdefault(reading.total, reading)
    return list(by_total.values())
