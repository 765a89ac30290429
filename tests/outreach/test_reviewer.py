"""The rubric: what each criterion sees, and that no letter passes without its amount or its deadline."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import pytest
from rooms.agents.outreach import reviewer
from rooms.agents.outreach_rubric import RUBRIC, THRESHOLD, mark
from rooms.agents.outreach_writer import HASTY, SOUND, Writer
from rooms.contracts.outreach import Approved, Brief, Draft, Letter

from misstep import Failure
from misstep.models import Prompt
from misstep.testing import turn

BRIEF = Brief(
    fine_id="N62843",
    offence="parking against the rules",
    basis="art. 157 CdS and art. 203 CdS (D.Lgs. 285/1992)",
    fined_on=dt.date(2004, 8, 27),
    penalty_on=dt.date(2005, 3, 9),
    amount=Decimal("68.77"),
    costs=Decimal("11.00"),
    paid=Decimal("44.60"),
    owed=Decimal("35.17"),
    dated=dt.date(2005, 9, 22),
    pay_by=dt.date(2005, 10, 22),
)


def written(build: str = SOUND) -> Letter:
    return asyncio.run(Writer(build=build).ask(Prompt("write", BRIEF), answers=Letter)).output


GOOD = written()


def instead(old: str, new: str) -> Letter:
    assert old in f"{GOOD.subject}\n{GOOD.body}"
    return Letter(subject=GOOD.subject.replace(old, new), body=GOOD.body.replace(old, new))


def test_the_sound_writers_letter_meets_every_criterion() -> None:
    assert mark(GOOD, BRIEF).scores == {criterion.name: 1.0 for criterion in RUBRIC}


@pytest.mark.parametrize(
    ("criterion", "letter"),
    [
        ("amount", instead("35.17", "53.17")),
        ("amount", instead("EUR 35.17 is still open", "The rest is still open")),
        ("amount", instead("naming the reference", "with EUR 5.00 for this letter, naming the reference")),
        ("deadline", instead("2005-10-22", "soon")),
        ("legal_basis", instead("285/1992", "of the Republic")),
        ("legal_basis", instead("art. 157 CdS and ", "")),
        ("reference", instead("N62843", "N6284")),
        ("way_out", instead("already paid", "any question")),
        ("tone", instead("Please pay", "PAY IMMEDIATELY! You must pay")),
        ("length", Letter(subject="Fine N62843", body="Please pay EUR 35.17 by 2005-10-22.")),
    ],
)
def test_each_criterion_sees_its_fault(criterion: str, letter: Letter) -> None:
    assert mark(letter, BRIEF).scores[criterion] < 1


@pytest.mark.parametrize("said", ["22 October 2005", "22/10/2005"], ids=["in words", "with slashes"])
def test_the_deadline_may_be_written_in_other_ways(said: str) -> None:
    assert mark(instead("2005-10-22", said), BRIEF).scores["deadline"] == 1


@pytest.mark.parametrize("said", ["€35.17", "35,17 euros", "35.17 EUR"])
def test_sums_may_be_written_in_other_ways(said: str) -> None:
    assert mark(instead("EUR 35.17", said), BRIEF).scores["amount"] == 1


def test_thousands_are_read_with_either_separator() -> None:
    brief = BRIEF.model_copy(update={"owed": Decimal("1234.50")})
    for said in ("1,234.50", "1.234,50", "1234.5"):
        letter = Letter(subject="A fine is open", body=f"Please pay EUR {said} by 2005-10-22.")
        assert mark(letter, brief).scores["amount"] == 1, said


@pytest.mark.parametrize("weighty", ["amount", "deadline"])
def test_without_its_amount_or_its_deadline_a_letter_that_is_perfect_otherwise_fails(weighty: str) -> None:
    assert 1 - next(criterion.weight for criterion in RUBRIC if criterion.name == weighty) < THRESHOLD
    assert round(sum(criterion.weight for criterion in RUBRIC), 9) == 1


def drafted(letter: Letter) -> Draft:
    return Draft(brief=BRIEF, letter=letter, drafted_by="drafter_primary", model="m", prompt="free")


def test_a_good_draft_is_approved_with_its_scores() -> None:
    given = turn(drafted(GOOD))
    said = reviewer(given)
    assert isinstance(said, Approved)
    assert (said.score, said.letter, said.owed) == (1.0, GOOD, Decimal("35.17"))
    assert given.noted is not None
    assert given.noted.evidence["scores"] == {criterion.name: 1.0 for criterion in RUBRIC}


def test_a_hasty_build_fails_and_the_evidence_names_model_scores_and_what_is_missing() -> None:
    said = reviewer(turn(drafted(written(HASTY))))
    assert isinstance(said, Failure)
    assert said.reason == "rubric_fail"
    assert (said.evidence["threshold"], said.evidence["drafted_by"]) == (0.82, "drafter_primary")
    score = said.evidence["score"]
    assert isinstance(score, float)
    assert score < THRESHOLD
    assert "name the day by which to pay" in said.evidence["missing"]  # type: ignore[operator]
