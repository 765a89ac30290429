"""The agents of the workflow `credit`: an application is opened, looked at from three sides, decided and offered."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue
from rooms.agents.credit_affordability import HIGHEST_RATE, PAPERS_MAX, instalment, limit_of, shown, term_months
from rooms.agents.credit_decision import against, doubt, rate_of
from rooms.agents.credit_file import LEAST, MOST, Unopenable, open_file
from rooms.agents.credit_funds import Funds, Reservation, Unreservable
from rooms.agents.credit_register import CreditRegister, Loan, Refused
from rooms.agents.credit_risk import flags_of, risk_of
from rooms.agents.credit_scoring import ScoringModel, rule_of_thumb, total
from rooms.contracts.credit import (
    Affordable,
    Application,
    Declined,
    Granted,
    Offered,
    Opened,
    Registered,
    Risked,
    Scored,
)

from misstep import Failure, Turn, agent

THIN = 2
"""Entries of a file that holds nothing but the application itself."""
THUMB_MOST = 50_000
"""Euros. A larger sum is not decided by a rule of thumb."""


@agent(budget="1s", owner="desk")
def open_application(
    turn: Turn[Application],
) -> Opened | Failure[Literal["invariant_broken", "compliance_fail"]]:
    """Makes the file, as it stood before anybody decided; what the law or the file itself forbids stops here."""
    try:
        file = open_file(turn.payload)
    except Unopenable as why:
        return turn.fail("invariant_broken", str(why), entries=len(turn.payload.activities))
    if not LEAST <= file.amount <= MOST:
        return turn.fail(
            "compliance_fail",
            f"EUR {file.amount} is asked for; consumer credit is from {LEAST} to {MOST}",
            amount=str(file.amount),
        )
    turn.note(f"{file.entries} of {len(turn.payload.activities)} entries were known before it was decided")
    return Opened(file=file)


@agent(budget="1s", owner="scoring")
async def score(turn: Turn[Opened], model: ScoringModel) -> Scored | Failure[Literal["model_down", "rubric_fail"]]:
    """Has the model rate the file; one that holds nothing yet is not for the model."""
    file = turn.payload.file
    if file.entries <= THIN:
        return turn.fail("rubric_fail", f"the file holds {file.entries} entries, too few to be rated by the model")
    async with turn.calling("scorer"):
        made_of = await model.points(file)
    turn.note(f"{total(made_of)} points", made_of=_json(made_of))
    return Scored(application_id=file.application_id, points=total(made_of), made_of=made_of, scored_by="score")


@agent(budget="1s", owner="scoring")
def score_standby(turn: Turn[Opened]) -> Scored | Failure[Literal["rubric_fail"]]:
    """Rates by how far the application came, without the model."""
    file = turn.payload.file
    if file.amount > THUMB_MOST:
        return turn.fail("rubric_fail", f"EUR {file.amount} is too much for a rule of thumb", amount=str(file.amount))
    made_of = rule_of_thumb(file)
    turn.note(f"{total(made_of)} points by rule of thumb", made_of=_json(made_of))
    return Scored(application_id=file.application_id, points=total(made_of), made_of=made_of, scored_by="score_standby")


@agent(budget="1s", owner="lending")
def affordability(turn: Turn[Opened]) -> Affordable | Failure[Literal["rubric_fail"]]:
    """Works out what can be carried, by what was shown of it."""
    file = turn.payload.file
    if file.paper_calls >= PAPERS_MAX:
        return turn.fail(
            "rubric_fail",
            f"papers were asked for {file.paper_calls} times, so nothing is proven",
            calls=file.paper_calls,
        )
    limit = limit_of(file)
    months = term_months(limit)
    turn.note(f"EUR {limit} over {months} months: {shown(file):.0%} is shown")
    return Affordable(
        application_id=file.application_id,
        limit=limit,
        term_months=months,
        stressed=instalment(limit, HIGHEST_RATE, months),
    )


@agent(budget="500ms", owner="risk")
def risk(turn: Turn[Opened]) -> Risked | Failure[Literal["compliance_fail"]]:
    """Looks for what else speaks against it; nobody decides while fraud is being looked into."""
    file = turn.payload.file
    if file.fraud_check_open:
        return turn.fail("compliance_fail", "a check for fraud has begun and not ended", checks=file.fraud_checks)
    flags = flags_of(file)
    turn.note(f"risk is {risk_of(flags)}", flags=list(flags))
    return Risked(application_id=file.application_id, risk=risk_of(flags), flags=flags)


def unknown_risk(turn: Turn[Opened]) -> Risked:
    """What goes on when nobody looked: the decision knows that it does not know."""
    return Risked(application_id=turn.payload.file.application_id, risk="unknown")


@agent(budget="1s", owner="lending")
def decide(
    turn: Turn[tuple[Scored, Affordable, Risked]],
) -> Granted | Declined | Failure[Literal["rubric_fail", "invariant_broken"]]:
    """Puts the three sides together: offered, declined, or for a person."""
    scored, affordable, risked = turn.payload
    sides = {scored.application_id, affordable.application_id, risked.application_id}
    if len(sides) > 1:
        return turn.fail("invariant_broken", "the sides speak of different applications", sides=[*sorted(sides)])
    why = against(scored, affordable, risked)
    if why:
        turn.note(f"declined: {'; '.join(why)}")
        return Declined(application_id=scored.application_id, points=scored.points, why=why)
    if unsure := doubt(scored, risked):
        return turn.fail(
            "rubric_fail",
            unsure,
            points=scored.points,
            made_of=_json(scored.made_of),
            limit=str(affordable.limit),
            risk=risked.risk,
            flags=list(risked.flags),
            suggestions=[
                _granted(scored, affordable, risked).model_dump(mode="json"),
                Declined(application_id=scored.application_id, points=scored.points, why=(unsure,)).model_dump(
                    mode="json"
                ),
            ],
        )
    granted = _granted(scored, affordable, risked)
    turn.note(f"EUR {granted.amount} at {granted.rate} %", points=scored.points, risk=risked.risk)
    return granted


def _granted(scored: Scored, affordable: Affordable, risked: Risked) -> Granted:
    assert risked.risk != "high"
    return Granted(
        application_id=scored.application_id,
        amount=affordable.limit,
        term_months=affordable.term_months,
        rate=rate_of(scored.points, risked.risk),
        points=scored.points,
        risk=risked.risk,
    )


@agent(budget="3s", owner="treasury", effect="puts money aside")
async def offer(turn: Turn[Granted], funds: Funds) -> Offered | Failure[Literal["model_down", "invariant_broken"]]:
    """Puts the money aside, so that the offer can be kept."""
    granted = turn.payload
    reservation = Reservation(turn.case_id, granted.application_id, granted.amount)
    async with turn.calling("funds"):
        try:
            number = await funds.reserve(reservation, key=turn.idempotency_key)
        except Unreservable as refusal:
            return turn.fail("invariant_broken", str(refusal), key=turn.idempotency_key)
    turn.note(f"EUR {granted.amount} are put aside as {number}")
    return Offered(application_id=granted.application_id, amount=granted.amount, reservation_id=number)


@agent(budget="3s", owner="register", effect="enters the loan in the credit register")
async def register(
    turn: Turn[Offered], entries: CreditRegister
) -> Registered | Failure[Literal["model_down", "compliance_fail"]]:
    """Enters the loan; one that the register refuses may not be made."""
    offered = turn.payload
    loan = Loan(turn.case_id, offered.application_id, offered.amount)
    async with turn.calling("register"):
        try:
            number = await entries.enter(loan, key=turn.idempotency_key)
        except Refused as refusal:
            return turn.fail("compliance_fail", str(refusal), application=offered.application_id)
    turn.note(f"entered as {number}")
    return Registered(
        application_id=offered.application_id,
        amount=offered.amount,
        reservation_id=offered.reservation_id,
        entry_id=number,
    )


def _json(points: dict[str, int]) -> dict[str, JsonValue]:
    return dict(points)
