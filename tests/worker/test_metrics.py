"""What a worker counts is what stands in its topics."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import orjson
import pytest
from prometheus_client import CollectorRegistry

from misstep.agents.worker.metrics import Metrics
from misstep.contracts.event import Record
from tests.worker.conftest import Site, until
from tests.worker.oracle import Seen, read_all
from tests.worker.score import Order

SCRIPTS: list[dict[str, list[str]]] = [
    {},
    {},
    {"read": ["rubric_fail"]},
    {"read": ["bug"]},
    {"price": ["model_down", "ok"]},
    {"price": ["model_down"]},
    {"finish": ["nap"]},
    {"finish": ["rubric_fail"]},
]


class Run:
    """A worker's registry after its cases have ended, and what it wrote."""

    def __init__(self, site: Site) -> None:
        site.publish([Order(number=number, script=script) for number, script in enumerate(SCRIPTS)])
        with site.hosting() as worker:
            site.wait_for_outcomes(len(SCRIPTS), 40)
            self.registry: CollectorRegistry = worker.metrics.registry
            ended = "misstep_cases_ended_total"
            assert until(lambda: sum(self.values(ended).values()) == len(SCRIPTS)), self.values(ended)
        own = [topic for agent in site.agents for topic in (site.topics.agent(agent), site.topics.failed(agent))]
        self.turns = read_all(site.kafka, own)
        self.outcomes = read_all(site.kafka, [site.topics.outcomes])
        self.letters = read_all(site.kafka, [site.topics.dlq])

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """The samples of one name that are not 0, by the values of their labels (in order of the labels' names)."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and sample.value
        }


@pytest.fixture(scope="module")
def run(make_module_site: Callable[[str], Site]) -> Run:
    return Run(make_module_site("work"))


def by(events: list[Seen], *headers: str) -> dict[tuple[str, ...], float]:
    """Events counted by headers' texts, the workflow's name last."""
    return dict(Counter((*map(seen.text, headers), "work") for seen in events))


def test_turns_are_counted_as_their_events_tell(run: Run) -> None:
    assert run.values("misstep_turns_total") == by(run.turns, "ce_agent", "ce_failurereason")


def test_a_degraded_turn_is_ok_and_counted_beside_under_what_failed(run: Run) -> None:
    degraded = [seen for seen in run.turns if seen.text("ce_route") == "degrade"]
    assert run.values("misstep_degraded_turns_total") == by(degraded, "ce_agent", "ce_degraded") != {}


def test_every_try_that_is_made_again_is_counted(run: Run) -> None:
    again = Counter(
        (seen.text("ce_agent"), reason, "work")
        for seen in run.turns
        for reason, _ in orjson.loads(seen.text("ce_tries"))
    )
    assert run.values("misstep_retries_total") == again != {}


def test_dead_letters_and_outcomes_are_counted(run: Run) -> None:
    assert run.values("misstep_dead_letters_total") == by(run.letters, "dlq_agent", "dlq_reason") != {}
    ended = Counter((orjson.loads(seen.value or b"")["outcome"], "work") for seen in run.outcomes)
    assert run.values("misstep_cases_ended_total") == ended


def test_the_time_of_turns_is_what_their_events_say(run: Run) -> None:
    assert run.values("misstep_turn_seconds_count") == by(run.turns, "ce_agent")
    for agent in {seen.text("ce_agent") for seen in run.turns}:
        ms = [int(seen.text("ce_latencyms")) for seen in run.turns if seen.text("ce_agent") == agent]
        labels = {"workflow": "work", "agent": agent}
        assert run.registry.get_sample_value("misstep_turn_seconds_sum", labels) == pytest.approx(sum(ms) / 1000)
        within = run.registry.get_sample_value("misstep_turn_seconds_bucket", {**labels, "le": "0.05"})
        assert within == sum(one <= 50 for one in ms)


def test_what_has_not_happened_stands_at_zero_so_that_the_first_is_an_increase(run: Run) -> None:
    labels = {"workflow": "work", "agent": "finish", "reason": "agent_fault"}
    for name in ("misstep_turns_total", "misstep_retries_total", "misstep_dead_letters_total"):
        assert run.registry.get_sample_value(name, labels) == 0
    assert run.registry.get_sample_value("misstep_cases_ended_total", {"workflow": "work", "outcome": "cancelled"}) == 0


def test_an_agent_that_stands_still_says_so(make_site: Callable[[str], Site]) -> None:
    site = make_site("work")
    site.publish([Order(number=0, script={"price": ["nap"]})])
    with site.hosting() as worker:
        registry = worker.metrics.registry
        labels = {"workflow": "work", "agent": "price"}
        (reader,) = [one for one in worker._readers if one.name == "price"]
        reader.hold("a test")
        assert registry.get_sample_value("misstep_held", labels) == 1
        reader.release("a test")
        assert registry.get_sample_value("misstep_held", labels) == 0
        site.wait_for_outcomes(1)
        assert registry.get_sample_value("misstep_turns_under_way", labels) == 0


def test_the_version_with_which_a_marked_case_stops_is_no_turn() -> None:
    metrics = Metrics()
    stopped = Record("ns.work.read.failed", 0, b"c", b"{}", [("ce_failurereason", b"ok"), ("ce_route", b"compensate")])
    ran = Record("ns.work.read", 0, b"d", b"{}", [("ce_failurereason", b"ok"), ("ce_route", b"next")])
    metrics.committed([SimpleNamespace(records=[stopped]), SimpleNamespace(records=[ran])], 0.01)  # type: ignore[list-item]
    labels = {"workflow": "work", "agent": "read", "reason": "ok"}
    assert metrics.registry.get_sample_value("misstep_turns_total", labels) == 1
