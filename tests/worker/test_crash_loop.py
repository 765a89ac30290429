"""A case that kills its process three times is dead-lettered, by whoever reads it next; its neighbours complete."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from misstep.agents.plan import Plan
from misstep.saga.compile import compile_plan
from tests.worker import oracle
from tests.worker.conftest import Site
from tests.worker.deadly import JOURNAL, Task, deadly, runs


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "journal"
    monkeypatch.setenv(JOURNAL, str(path))
    return path


@pytest.fixture
def deadly_site(make_site_of: Callable[[Plan], Site]) -> Site:
    return make_site_of(compile_plan(deadly))


@contextmanager
def supervised(site: Site, slots: Sequence[str], *more: str) -> Iterator[list[int]]:
    """A worker that is started again whenever it dies, in one slot after the other; yields its exit codes."""
    codes: list[int] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            process = site.processes[site.start(slots[len(codes) % len(slots)], more=more)]
            while process.poll() is None:
                if stop.wait(0.02):
                    site.end(process)
                    return
            codes.append(process.returncode)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield codes
    finally:
        stop.set()
        thread.join(30)


def the_letter(log: dict[str, list[oracle.Seen]], site: Site) -> oracle.Seen:
    (letter,) = log[site.topics.dlq]
    return letter


@pytest.mark.parametrize(
    ("agent", "does"), [("plain", "exit"), ("coro", "segv"), ("thread", "exit"), ("plain", "kill")]
)
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
    assert runs(journal)[agent, "case-7"] == len(codes) == 3
    (failed,) = log[site.topics.failed(agent)]
    assert orjson.loads(failed.headers["ce_evidence"])["deaths"] == 3
    assert failed.text("ce_attempts") == "3"
    assert [reason for reason, _ in orjson.loads(failed.headers["ce_tries"])] == ["agent_fault"] * 2
    assert the_letter(log, site).text("dlq_reason") == "agent_fault"
