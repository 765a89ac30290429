"""A flood of dead letters trips the agent's valve: its input stays in Kafka until somebody says `resume`."""

import time
from collections.abc import Callable

import orjson
import pytest
from pydantic import Field

from misstep import Choreography, Contract, Turn, agent, dead_letter
from misstep.agents.plan import Plan
from misstep.agents.valve import Gauge, valve_of
from misstep.agents.worker.tripwire import HELD_BY
from misstep.agents.worker.worker import Worker
from misstep.bus.marks import read_pauses, resume_agent
from misstep.bus.topics import alerts_topic
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.saga.matrix_markdown import matrix_markdown
from tests.worker.conftest import Site, until
from tests.worker.oracle import read_all


class Parcel(Contract, name="valve.parcel", version="1.0"):
    """One that is broken cannot be weighed."""

    number: int
    broken: bool = False


class Weighed(Contract, name="valve.weighed", version="1.0"):
    """After `weigh`."""

    number: int = Field(ge=0)


@agent(budget="5s", owner="tests")
def weigh(turn: Turn[Parcel]) -> Weighed:
    """A bug for what is broken."""
    if turn.payload.broken:
        raise ValueError("broken")
    return Weighed(number=turn.payload.number)


@agent(budget="5s", owner="tests")
async def weigh_later(turn: Turn[Parcel]) -> Weighed:
    """The same, with others beside it."""
    return await weigh_soon(turn)


async def weigh_soon(turn: Turn[Parcel]) -> Weighed:
    return weigh.function(turn)


def parcels(of: object, valve: str) -> Choreography:
    score = Choreography("parcels", starts=Parcel, deadline="10m", handoffs=0)
    score.on(of, valve=valve, agent_fault=dead_letter, waive="a test")  # type: ignore[arg-type]
    return score


def held(worker: Worker) -> list[str]:
    return [why for reader in worker._readers if reader.agent is not None for why in reader.held_because]


def letters(site: Site) -> int:
    return len(read_all(site.kafka, [site.topics.dlq]))


def resume(site: Site, agent: str) -> None:
    resume_agent(site.kafka, site.namespace, "parcels", agent, actor="a person", reason="it is mended")


def test_a_flood_of_dead_letters_trips_the_valve_and_resume_goes_on(make_site_of: Callable[[Plan], Site]) -> None:
    site = make_site_of(compile_plan(parcels(weigh, "50% of 20")))
    with site.hosting() as worker, site.hosting(slot="test-1") as other:
        ids = site.publish([Parcel(number=n) for n in range(10)])
        site.wait_for_outcomes(10, 30)
        ids |= site.publish([Parcel(number=n, broken=True) for n in range(100, 128)])
        both = {(site.plan.workflow, "weigh")}
        assert until(lambda: set(read_pauses(site.kafka, site.namespace)) == both)
        assert until(lambda: bool(held(worker)) and bool(held(other)))
        site.publish([Parcel(number=200)])
        time.sleep(1)
        seen = letters(site)
        assert 11 <= seen <= 22  # each worker counts its own: 10 of the last 20 are borne
        assert read_pauses(site.kafka, site.namespace)[site.plan.workflow, "weigh"].actor == "valve"
        alerts = [seen for seen in read_all(site.kafka, [alerts_topic(site.namespace)]) if seen.value]
        assert {orjson.loads(seen.value or b"")["kind"] for seen in alerts} == {"valve"}
        while letters(site) < 28:
            before = letters(site)
            resume(site, "weigh")
            assert until(lambda before=before: letters(site) > before)  # type: ignore[misc]
            assert until(lambda: letters(site) == 28 or bool(read_pauses(site.kafka, site.namespace)))
            assert letters(site) - before <= 22
        resume(site, "weigh")
        site.wait_for_outcomes(39, 30)
    site.check(ids | {"case-200"})


def test_no_more_than_a_window_is_under_way_behind_a_valve(make_site_of: Callable[[Plan], Site]) -> None:
    site = make_site_of(compile_plan(parcels(weigh_later, "25% of 8")))
    ids = site.publish([Parcel(number=n, broken=True) for n in range(20)])
    with site.hosting() as worker:
        assert until(lambda: HELD_BY in held(worker))
        assert until(lambda: bool(read_pauses(site.kafka, site.namespace)))
        time.sleep(0.5)
        assert 3 <= letters(site) <= 3 + 8
        while letters(site) < 20:
            before = letters(site)
            resume(site, "weigh_later")
            assert until(lambda before=before: letters(site) > before)  # type: ignore[misc]
            assert until(lambda: letters(site) == 20 or bool(read_pauses(site.kafka, site.namespace)))
    site.check(ids)


def test_a_valve_is_in_the_table_and_in_the_hash_of_the_score() -> None:
    with_valve, without = compile_plan(parcels(weigh, "50% of 20")), compile_plan(parcels(weigh, ""))
    assert "valve 50% of 20" in matrix_markdown(with_valve)
    assert with_valve.score_hash != without.score_hash


@pytest.mark.parametrize("text", ["half", "50%", "50% of 0", "0% of 10", "100% of 10", "50 of 100", "5% of 1000000"])
def test_a_valve_that_is_none_is_refused_where_it_stands(text: str) -> None:
    with pytest.raises(UsageError, match=r"test_valve\.py:\d+: workflow parcels, agent weigh: valve="):
        parcels(weigh, text)


def test_only_the_last_turns_count() -> None:
    gauge = Gauge(valve_of("50% of 4", what="here"))
    assert not any(gauge.count(letter) for letter in [True, True, False, False, True, True])
    assert gauge.count(True)
    gauge.reset()
    assert not any(gauge.count(True) for _ in range(2))
