"""An offer that comes to nothing is undone: no money stays aside, no entry stands."""

from __future__ import annotations

from typing import Any

import pytest
from rooms.agents.credit_faults import FaultyFunds, FaultyRegister, parse_faults
from rooms.agents.credit_in_memory import InMemoryFunds, InMemoryRegister
from rooms.saga.credit import credit

from misstep.testing import Story, rehearse


class Bank:
    """Funds and register of one rehearsal."""

    def __init__(self, faults: str = "") -> None:
        self.funds, self.entries = InMemoryFunds(), InMemoryRegister()
        self.faults = parse_faults(faults)

    def play(self, loan: dict[str, Any], case_id: str = "case-1", **force: list[str]) -> Story:
        services = [FaultyFunds(self.funds, self.faults), FaultyRegister(self.entries, self.faults)]
        return rehearse(credit, loan, dependencies=services, case_id=case_id, force=force)

    @property
    def standing(self) -> int:
        return len(self.entries.loans.keys() - self.entries.withdrawn)


@pytest.mark.parametrize("fault", ["register_down", "register_lost"])
def test_a_register_that_does_not_answer_releases_the_money(granted: dict[str, Any], fault: str) -> None:
    bank = Bank(f"{fault}=1")
    story = bank.play(granted)
    assert (story.outcome, story.undone) == ("compensated", ["register", "offer"])
    assert (bank.funds.reserved, bank.standing) == (0, 0)
    assert story.turns[-1].tries == [("model_down", story.turns[-1].tries[0][1])]


def test_a_reservation_whose_answer_was_lost_is_released(granted: dict[str, Any]) -> None:
    bank = Bank("funds_lost=1")
    story = bank.play(granted)
    assert (story.outcome, story.undone) == ("compensated", ["offer"])
    assert len(bank.funds.reservations) == 1
    assert bank.funds.reserved == 0


def test_the_same_application_in_a_second_case_is_taken_back(granted: dict[str, Any]) -> None:
    bank = Bank()
    assert bank.play(granted).outcome == "completed"
    again = bank.play(granted, case_id="case-2")
    assert (again.outcome, again.reasons[-1]) == ("compensated", "compliance_fail")
    assert (len(bank.funds.reservations), len(bank.funds.released), bank.standing) == (2, 1, 1)


def test_an_offer_that_was_released_cannot_be_reserved_by_a_late_turn(granted: dict[str, Any]) -> None:
    bank = Bank()
    bank.funds.released.add("credit/case-1/0/4/offer")
    story = bank.play(granted)
    assert (story.reasons[-1], story.outcome) == ("invariant_broken", "escalated")


def test_an_undo_that_fails_leaves_the_money_aside_and_says_so(granted: dict[str, Any]) -> None:
    bank = Bank()
    story = bank.play(granted, register=["compliance_fail"], **{"offer.undo": ["undo_failed"] * 6})
    assert (story.outcome, story.undone) == ("partly_compensated", ["register"])
    assert bank.funds.reserved == 27_500


def test_a_down_scorer_hands_over_and_a_slow_risk_degrades(granted: dict[str, Any]) -> None:
    story = Bank().play(granted, score=["model_down"] * 2, risk=["latency_blow"])
    assert story.outcome == "escalated"  # 675 by rule of thumb are not enough to do without knowing the risk
    (scored,) = [event for event in story.turns if event.agent == "score_standby"]
    assert scored.payload["points"] < 680
    (risked,) = [event for event in story.turns if event.agent == "risk"]
    assert (risked.payload["risk"], risked.degraded) == ("unknown", "latency_blow")
