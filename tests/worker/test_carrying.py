"""Turns that go on in the transaction of the turn before: what is written is the same, and so is what is counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import orjson
import pytest
from pydantic import Field

from misstep import Choreography, Contract, Failure, Turn, agent, compensate, dead_letter, escalate, retry, to
from misstep.agents.plan import Plan
from misstep.agents.worker import carrying, runner
from misstep.agents.worker.chain import Chain
from misstep.bus.marks import pause_agent, resume_agent
from misstep.contracts.control import Pause
from misstep.contracts.event import Record
from misstep.saga.compile import compile_plan
from tests.worker import oracle
from tests.worker.conftest import Site, until
from tests.worker.deadly import Task, runs
from tests.worker.same_story import by_case, of_worker
from tests.worker.supervised import supervised


class Ore(Contract, name="chain.ore", version="1.0"):
    """`script`: agent -> how its attempts go."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)
    padding: str = ""


class Iron(Ore, name="chain.iron", version="1.0"):
    """After `smelt`."""


class Steel(Ore, name="chain.steel", version="1.0"):
    """After `harden`."""


class Blade(Contract, name="chain.blade", version="1.0"):
    """After `grind`."""

    number: int
    by: str


RUNS: Counter[tuple[str, int, int]] = Counter()
"""(agent, number, attempt) -> how often its function ran in this process."""


def act(turn: Turn[Ore] | Turn[Iron] | Turn[Steel]) -> str:
    steps = turn.payload.script.get(turn.agent, [])
    RUNS[turn.agent, turn.payload.number, turn.attempt] += 1
    return steps[min(turn.attempt, len(steps)) - 1] if steps else "ok"


@agent(budget="2s", owner="tests")
def smelt(turn: Turn[Ore]) -> Iron:
    """The first."""
    act(turn)
    return Iron(**turn.payload.model_dump())


@agent(budget="2s", owner="tests")
def harden(turn: Turn[Iron]) -> Steel | Failure[Literal["rubric_fail", "model_down", "compliance_fail"]]:
    """The second, which can do whatever a turn can."""
    match act(turn):
        case "rubric_fail":
            return turn.fail("rubric_fail", "brittle")
        case "model_down":
            return turn.fail("model_down", "the fire is out")
        case "compliance_fail":
            return turn.fail("compliance_fail", "not ours")
        case "bug":
            raise KeyError("missing")
        case "slow":
            time.sleep(0.25)
        case "big":
            return Steel(number=turn.payload.number, padding="x" * 40_000)
    return Steel(**turn.payload.model_dump())


@agent(budget="2s", owner="tests")
def reharden(turn: Turn[Iron]) -> Steel:
    """Its fallback."""
    act(turn)
    return Steel(**turn.payload.model_dump())


@agent(budget="2s", owner="tests")
def grind(turn: Turn[Steel]) -> Blade:
    """The last."""
    act(turn)
    return Blade(number=turn.payload.number, by=turn.failure.agent if turn.failure else "harden")


forge = Choreography("forge", starts=Ore, deadline="5m", handoffs=2)
forge.on(smelt, waive="nothing of its own can fail")
forge.on(
    harden,
    rubric_fail=to(reharden),
    model_down=retry(3, first="300ms") | escalate,
    compliance_fail=compensate,
    agent_fault=dead_letter,
    waive="the rest has defaults",
)
forge.on(reharden, standby=True, waive="nothing of its own can fail")
forge.on(grind, waive="nothing of its own can fail")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(forge)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other things makes no quick function slow."""
    for module in (carrying, runner):
        monkeypatch.setattr(module, "QUICK_MS", 200.0)


CASES = [
    Ore(number=0),
    Ore(number=1, script={"harden": ["rubric_fail"]}),
    Ore(number=2, script={"harden": ["model_down", "model_down", "ok"]}),
    Ore(number=3, script={"harden": ["model_down"]}),
    Ore(number=4, script={"harden": ["compliance_fail"]}),
    Ore(number=5, script={"harden": ["bug"]}),
    *[Ore(number=n) for n in range(6, 40)],
]


def carried(log: dict[str, list[oracle.Seen]]) -> Counter[tuple[str, str]]:
    """(agent whose event it is, agents carried on) -> how many events say so."""
    return Counter(
        (seen.text("ce_agent"), seen.text("ce_carried"))
        for topic, messages in log.items()
        for seen in messages
        if "ce_carried" in seen.headers and not topic.endswith((".dlq", ".undo"))
    )


def test_a_case_goes_on_in_one_transaction_and_says_the_same_as_without(
    make_site_of: Callable[[Plan], Site], plan: Plan
) -> None:
    told = []
    for carry in (True, False):
        site = make_site_of(plan)
        RUNS.clear()
        ids = site.publish(CASES)
        with site.hosting(carry=carry):
            site.wait_for_outcomes(len(ids))
        log = site.check(ids)
        assert max(RUNS.values()) == 1  # an attempt that was made before the commit is not made again after it
        cases = by_case(log, leaving_out=[site.topics.cases, site.topics.dlq])
        told.append({case_id: [of_worker(seen) for seen in turns] for case_id, turns in cases.items()})
        chains = carried(log)
        if not carry:
            assert not chains
            continue
        assert chains["harden", "grind"] >= 30
        assert chains["harden", "reharden"] == 1  # a failure is handed to its fallback in the same transaction
        assert chains["reharden", "grind"] == 1
        assert chains["smelt", "harden"] == len(CASES) - 2  # not those that had to be tried again
        (letter,) = log[site.topics.dlq]
        (source,) = [seen for seen in log[site.topics.agent("smelt")] if seen.text("ce_subject") == "case-5"]
        assert letter.value == source.value
        assert letter.text("dlq_offset") == str(source.offset)
        assert {name: value for name, value in letter.headers.items() if not name.startswith("dlq_")} == {
            name: value for name, value in source.headers.items() if name != "ce_carried"
        }
    assert told[0] == told[1]


def test_an_agent_that_is_paused_or_slow_is_not_carried(make_site_of: Callable[[Plan], Site], plan: Plan) -> None:
    site = make_site_of(plan)
    with site.hosting() as worker:
        pause_agent(
            site.kafka, site.namespace, "forge", "grind", Pause(actor="me", reason="sharpening", at="2026-01-01T00:00Z")
        )
        assert until(lambda: any(reader.held_because for reader in worker._readers))
        ids = site.publish([Ore(number=n) for n in range(20)])
        assert until(lambda: len(oracle.read_all(site.kafka, [site.topics.agent("harden")])) == 20)
        time.sleep(0.5)
        assert not oracle.read_all(site.kafka, [site.topics.outcomes])
        resume_agent(site.kafka, site.namespace, "forge", "grind", actor="me", reason="sharp")
        site.wait_for_outcomes(20)
        assert carried(site.check(ids)) == {("smelt", "harden"): 20}
        ids |= site.publish([Ore(number=n, script={"harden": ["slow"]}) for n in range(100, 110)])
        site.wait_for_outcomes(30)
    chains = carried(site.check(ids))
    assert chains["smelt", "harden"] == 21  # the first slow one was not known to be slow
    assert chains["harden", "grind"] == 9  # the others reached `harden` through Kafka, and went on from there


def test_an_output_that_the_broker_refuses_fails_alone(make_site_of: Callable[[Plan], Site], plan: Plan) -> None:
    site = make_site_of(plan)
    site.limit(site.topics.agent("harden"), 20_000)
    with site.hosting():
        ids = site.publish([Ore(number=n, script={"harden": ["big"]} if n == 7 else {}) for n in range(30)])
        site.wait_for_outcomes(len(ids), 40)
    log = site.check(ids)
    (failed,) = log[site.topics.failed("harden")]
    assert failed.text("ce_subject") == "case-7"
    assert failed.text("ce_failurereason") == "schema_invalid"
    assert "ce_carried" not in next(
        seen.headers for seen in log[site.topics.agent("smelt")] if seen.text("ce_subject") == "case-7"
    )


def test_a_carried_turn_that_kills_its_process_is_the_one_that_is_dead_lettered(
    deadly_site: Site, journal: Path
) -> None:
    """The first time it takes the turn before it along; after that each runs on its own, and the killer is found."""
    site = deadly_site
    ids = site.publish([Task(number=n, does={"plain_too": "kill"} if n == 3 else {}) for n in range(12)])
    with supervised(site, ["only"]) as codes:
        site.wait_for_outcomes(len(ids), 90)
    log = site.check(ids)
    ended = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}
    assert {case for case, outcome in ended.items() if outcome["outcome"] != "completed"} == {"case-3"}
    assert ended["case-3"]["agent"] == "plain_too"
    assert runs(journal)["plain_too", "case-3"] == len(codes)
    assert 3 <= len(codes) <= 4  # 3 where it was not carried the first time: the machine was slow, so the turn was


def test_a_carried_turn_that_never_returns_brings_its_process_down_too(deadly_site: Site, journal: Path) -> None:
    site = deadly_site
    ids = site.publish([Task(number=n, does={"plain_too": "hang"} if n == 3 else {}) for n in range(6)])
    with supervised(site, ["only"], "--stuck-after", "2") as codes:
        site.wait_for_outcomes(len(ids), 90)
    site.check(ids)
    assert runs(journal)["plain_too", "case-3"] == len(codes)
    assert 3 <= len(codes) <= 4


def record(topic: str, history: bytes, **headers: bytes) -> Record:
    return Record(topic, 0, b"case", b"{}", [("ce_history", history), *headers.items()])


def test_places_are_filled_in_as_they_become_known() -> None:
    chain = Chain([record("a", b'[["cases",0,0,7,"ok"]]')])
    first = chain.links[0]
    second = chain.add(first, "b", [record("b", b'[["cases",0,0,7,"ok"],["a",1,0,-2,"ok"]]')])
    third = [
        record("c.failed", b'[["cases",0,0,7,"ok"],["a",1,0,-2,"ok"],["b",2,0,-3,"ok"]]'),
        record("dlq", b'[["cases",0,0,7,"ok"],["a",1,0,-2,"ok"]]', dlq_offset=b"-3"),
        record("outcomes", b'[["a",1,0,-2,"ok"],["b",2,0,-3,"ok"],["c",3,0,-1,"rubric_fail"]]'),
    ]
    chain.add(second, "c", third)
    first.offset, second.offset = 41, 5
    located = [dict(chain.located(one).headers) for one in third]
    assert located[0]["ce_history"] == b'[["cases",0,0,7,"ok"],["a",1,0,41,"ok"],["b",2,0,5,"ok"]]'
    assert located[1] == {"ce_history": b'[["cases",0,0,7,"ok"],["a",1,0,41,"ok"]]', "dlq_offset": b"5"}
    assert located[2]["ce_history"] == b'[["a",1,0,41,"ok"],["b",2,0,5,"ok"],["c",3,0,-1,"rubric_fail"]]'
    sealed = chain.seal()
    assert [dict(one.headers).get("ce_carried") for one in sealed] == [b"b", b"c", None, None, None]
    assert [dict(one.headers).get("ce_carried") for one in chain.alone()] == [None]
