"""Where the agents' services come from, and the faults that can be put into them."""

from __future__ import annotations

import asyncio

import pytest
from rooms.agents.credit_faults import FaultyFunds, FaultyRegister, FaultyScorer, parse_faults
from rooms.agents.credit_funds import Funds
from rooms.agents.credit_register import CreditRegister
from rooms.agents.credit_scoring import PointsModel, ScoringModel
from rooms.agents.wiring import wiring
from rooms.saga.credit import credit

from misstep.errors import UsageError
from misstep.saga.compile import compile_plan

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


def opened() -> list[object]:
    async def look() -> list[object]:
        kinds = [ScoringModel, Funds, CreditRegister]
        found = await wiring.open(kinds)
        instances = [found.instances[kind] for kind in kinds]
        await found.close()
        return instances

    return asyncio.run(look())


def test_all_that_the_agents_need_is_provided() -> None:
    wiring.check(compile_plan(credit))


def test_agents_start_before_postgres_does_and_without_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSTEP_POSTGRES", NOBODY)
    monkeypatch.delenv("CREDIT_FAULTS", raising=False)
    scorer, funds, entries = opened()
    assert isinstance(scorer, PointsModel)
    assert not isinstance(funds, FaultyFunds)
    assert not isinstance(entries, FaultyRegister)


def test_faults_come_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSTEP_POSTGRES", NOBODY)
    monkeypatch.setenv("CREDIT_FAULTS", "seed=7,scorer_down=0.1")
    assert [type(one) for one in opened()] == [FaultyScorer, FaultyFunds, FaultyRegister]


@pytest.mark.parametrize("text", ["scorer_down", "scorer_down=a lot", "nothing=0.5", "scorer_down=1.5"])
def test_faults_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="CREDIT_FAULTS"):
        parse_faults(text)


def test_a_share_is_hit_and_the_same_seed_hits_the_same() -> None:
    faults = parse_faults("seed=3,scorer_down=0.2")
    hit = [name for name in map(str, range(2_000)) if faults.hits("scorer_down", name)]
    assert 300 < len(hit) < 500
    assert hit == [name for name in map(str, range(2_000)) if faults.hits("scorer_down", name)]
    assert not any(faults.hits("register_down", str(name)) for name in range(100))
