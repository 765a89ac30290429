import dataclasses
import datetime as dt
from decimal import Decimal

from rooms.agents.receipts import Figures, Reading, judge, read_by_consensus, read_primary
from rooms.agents.receipts.amounts import money

SURE = Reading(
    company="A",
    date=dt.date(2018, 3, 4),
    address=None,
    total=Decimal("12.30"),
    currency="MYR",
    confidence=0.96,
    figures=Figures(cash=Decimal("50.00"), change=Decimal("37.70")),
)


def test_a_sure_reading_whose_payment_agrees_is_posted():
    verdict = judge(SURE)
    assert verdict.post
    assert verdict.failure is None


def test_a_receipt_without_a_total_is_never_posted():
    verdict = judge(dataclasses.replace(SURE, total=None, confidence=0.0), SURE)
    assert not verdict.post
    assert verdict.failure == "rubric_fail"


def test_a_refund_is_never_posted():
    assert not judge(dataclasses.replace(SURE, total=Decimal("-1.73"))).post


def test_figures_that_contradict_the_total_break_an_invariant():
    verdict = judge(dataclasses.replace(SURE, total=Decimal("10.00")))
    assert not verdict.post
    assert verdict.failure == "invariant_broken"


def test_the_other_methods_agreement_raises_trust_and_its_disagreement_lowers_it():
    other = dataclasses.replace(SURE, total=Decimal("99.00"))
    assert judge(SURE, SURE).trust > judge(SURE).trust > judge(SURE, other).trust


def test_an_implausible_date_is_not_trusted_and_a_missing_one_a_little_less():
    assert not judge(dataclasses.replace(SURE, date=dt.date(1988, 1, 1))).post
    assert not judge(SURE, today=dt.date(2017, 1, 1)).post
    undated = judge(dataclasses.replace(SURE, date=None), SURE)
    assert undated.post
    assert undated.trust < judge(SURE, SURE).trust


def test_of_the_examples_most_are_posted_and_nearly_all_posted_are_right(examples):
    posted = wrong = 0
    for example in examples:
        first, second = read_primary(example["lines"]), read_by_consensus(example["lines"])
        reading, other = (first, second) if first.confidence >= 0.6 else (second, first)
        if judge(reading, other).post:
            posted += 1
            wrong += reading.total != money(example["truth"]["total"])
    assert posted / len(examples) >= 0.85
    assert 1 - wrong / posted >= 0.97


def test_one_reading_alone_is_judged_well_enough(examples):
    readings = [(read_primary(example["lines"]), money(example["truth"]["total"])) for example in examples]
    posted = [reading.total == truth for reading, truth in readings if judge(reading).post]
    assert len(posted) / len(examples) >= 0.78
    assert sum(posted) / len(posted) >= 0.97


def test_dates_of_the_examples_are_read(examples):
    from rooms.agents.receipts.dates import parse_date

    right = [read_primary(example["lines"]).date == parse_date(example["truth"]["date"]) for example in examples]
    assert sum(right) / len(right) >= 0.97


def test_two_readings_of_which_one_is_wrong_are_never_posted():
    other = dataclasses.replace(SURE, total=Decimal("99.00"))
    surest = dataclasses.replace(SURE, confidence=0.999)
    assert judge(surest, SURE).post
    assert not judge(surest, other).post
    assert judge(surest, other).failure == "rubric_fail"
