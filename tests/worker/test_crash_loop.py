"""A case that kills its process three times is dead-lettered, by whoever reads it next; its neighbours complete."""

from pathlib import Path

import orjson
import pytest

from tests.worker import oracle
from tests.worker.conftest import Site, until
from tests.worker.deadly import Task, runs
from tests.worker.supervised import supervised


def the_letter(log: dict[str, list[oracle.Seen]], site: Site) -> oracle.Seen:
    (letter,) = log[site.topics.dlq]
    return letter


@pytest.mark.parametrize(("agent", "does"), [("plain", "kill"), ("coro", "segv"), ("thread", "exit")])
def test_a_case_that_kills_its_process_is_dead_lettered_and_all_others_complete(
    deadly_site: Site, journal: Path, agent: str, does: str
) -> None:
    site = deadly_site
    tasks = [Task(number=n, does={agent: does} if n == 7 else {}) for n in range(20)]
    ids = site.publish(tasks)
    with supervised(site, ["only"]) as codes:
        site.wait_for_outcomes(len(ids), 60)
    log = site.check(ids)
    outcomes = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}
    assert {case for case, outcome in outcomes.items() if outcome["outcome"] != "completed"} == {"case-7"}
    assert outcomes["case-7"]["outcome"] == "dead_lettered"
    assert outcomes["case-7"]["failure_reason"] == "agent_fault"
    assert outcomes["case-7"]["agent"] == agent
    assert runs(journal)[agent, "case-7"] == len(codes)
    assert 3 <= len(codes) <= 4  # a process that dies before it could sign for its partitions is not counted
    (failed,) = log[site.topics.failed(agent)]
    assert orjson.loads(failed.headers["ce_evidence"])["deaths"] == 3
    assert failed.text("ce_attempts") == "3"
    assert [reason for reason, _ in orjson.loads(failed.headers["ce_tries"])] == ["agent_fault"] * 2
    assert the_letter(log, site).text("dlq_reason") == "agent_fault"


def test_neither_other_hosts_nor_slow_bystanders_change_that(deadly_site: Site, journal: Path) -> None:
    """The process dies in one slot and is started in another, so that its partitions change hands; slow turns of other
    agents are running beside the killer whenever it strikes."""
    site = deadly_site
    slow = [Task(number=n, does={"coro": "1.5", "thread": "1.5"}) for n in range(100, 106)]
    ids = site.publish(slow)
    with supervised(site, ["here", "there"]) as codes:
        assert until(lambda: len(runs(journal)) >= 12)
        ids |= site.publish([Task(number=n, does={"plain": "exit"} if n == 7 else {}) for n in range(20)])
        site.wait_for_outcomes(len(ids), 100)
    log = site.check(ids)
    outcomes = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}
    assert {case for case, outcome in outcomes.items() if outcome["outcome"] != "completed"} == {"case-7"}
    assert runs(journal)["plain", "case-7"] == len(codes) == 3
    assert the_letter(log, site).text("dlq_reason") == "agent_fault"


def test_an_undo_that_kills_its_process_is_left_undone_and_said_loudly(deadly_site: Site, journal: Path) -> None:
    site = deadly_site
    ids = site.publish(
        [Task(number=n, does={"brief": "fail", "undo_coro": "kill" if n == 3 else "0"}) for n in range(8)]
    )
    with supervised(site, ["only"]) as codes:
        site.wait_for_outcomes(len(ids), 90)
    log = site.check(ids)
    ended = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[site.topics.outcomes]}
    outcomes = {case: outcome["outcome"] for case, outcome in ended.items()}
    assert {case for case, outcome in outcomes.items() if outcome != "compensated"} == {"case-3"}
    assert outcomes["case-3"] == "partly_compensated"
    # The first time, it may have run at once after the failure: that was another message.
    assert runs(journal)["undo_coro", "case-3"] == len(codes) <= 4
    assert the_letter(log, site).text("dlq_reason") == "undo_failed"
