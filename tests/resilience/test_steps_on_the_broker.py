"""Steps in a worker on the real broker and the real Postgres: through kill -9, retries, and a Postgres that is away."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
import pytest

from misstep.agents.plan import Plan
from misstep.agents.wiring import Wiring
from misstep.saga.compile import compile_plan
from tests.conftest import Servers
from tests.resilience.host import hosting
from tests.resilience.line import Line
from tests.resilience.score import Job, scanned
from tests.worker import oracle
from tests.worker.conftest import ROOT, Site, until


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The runs of the expensive step so far, by the number of the job."""
    file = tmp_path / "runs"
    file.touch()
    monkeypatch.setenv("STEP_RUNS", str(file))
    return lambda: [int(line) for line in file.read_text().split()]


@pytest.fixture
def site(make_site_of: Callable[[Plan], Site]) -> Site:
    return make_site_of(compile_plan(scanned))


def start(site: Site, dsn: str, kill: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.resilience.process", site.kafka, site.namespace, dsn, kill]
    log = Path(os.environ.get("MISSTEP_TEST_LOGS", "/tmp")) / f"worker-{site.namespace}-step-0.log"
    with log.open("a") as out:
        process = subprocess.Popen(command, cwd=ROOT, stderr=out, text=True)
    site.processes.append(process)
    return process


def answers(site: Site) -> list[oracle.Seen]:
    return oracle.read_all(site.kafka, [site.topics.agent("scan"), site.topics.failed("scan")])


@pytest.mark.parametrize("seam", ["before_begin", "after_produce"])
def test_a_step_is_not_run_again_by_who_takes_a_killed_process_place(
    site: Site, dsn: str, runs: Callable[[], list[int]], seam: str
) -> None:
    site.publish([Job(number=1)])
    killed = start(site, dsn, f"{seam}:1")
    assert killed.wait(60) == -signal.SIGKILL
    assert runs() == [1]
    assert answers(site) == [], "its turn was not committed"
    second = start(site, dsn)
    site.wait_for_outcomes(1)
    assert site.end(second) == 0
    (answer,) = answers(site)
    assert runs() == [1]
    assert orjson.loads(answer.headers["ce_evidence"]) == {"by": f"scan 1 by process {killed.pid}"}


def test_a_retry_finds_the_step_and_one_too_large_is_a_fault_with_its_sizes(
    site: Site, dsn: str, runs: Callable[[], list[int]]
) -> None:
    with hosting(site.kafka, site.namespace, site.plan, Wiring(), postgres=dsn):
        site.publish([Job(number=4), Job(number=13)])
        site.wait_for_outcomes(2)
    assert sorted(runs()) == [4, 13]
    retried, faulty = sorted(answers(site), key=lambda one: one.text("ce_subject"), reverse=True)
    assert (retried.text("ce_failurereason"), retried.text("ce_attempts")) == ("ok", "2")
    assert faulty.text("ce_failurereason") == "agent_fault"
    evidence = orjson.loads(faulty.headers["ce_evidence"])
    assert (evidence["step"], evidence["bytes"], evidence["max_bytes"]) == ("large", 300_002, 262_144)
    assert "step 'large' came to 300,002 bytes" in faulty.text("ce_failuredetail")


def test_while_postgres_is_away_a_step_is_model_down_and_takes_that_route(
    site: Site, dsn: str, runs: Callable[[], list[int]], servers: Servers
) -> None:
    line = Line(dsn)
    line.cut()
    tried = {"workflow": "scanned", "agent": "scan", "reason": "model_down"}
    with hosting(site.kafka, site.namespace, site.plan, Wiring(), postgres=line.dsn) as worker:
        site.publish([Job(number=2)])
        registry = worker.metrics.registry
        assert until(lambda: (registry.get_sample_value("misstep_retries_total", tried) or 0) >= 2)
        assert runs() == []
        line.mend()
        site.wait_for_outcomes(1)
        line.cut()
    (answer,) = answers(site)
    assert answer.text("ce_failurereason") == "ok"
    assert {reason for reason, _ in orjson.loads(answer.headers["ce_tries"])} == {"model_down"}
    assert runs() == [2]
    with psycopg.connect(dsn) as connection:
        kept = connection.execute(
            "SELECT step, case_id, function FROM checkpoints WHERE namespace = %s", [site.namespace]
        ).fetchall()
    assert kept == [("scan", "case-2", "tests.resilience.score.expensive")]
