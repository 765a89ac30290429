"""All examples on the real broker and Postgres, with services that fail and a worker that is killed on the way."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from misstep.bus.topics import Topics
from misstep.saga.compile import compile_plan
from tests.cli.conftest import Cli, at
from tests.conftest import Servers
from tests.credit.conftest import ROOT
from tests.worker import oracle
from tests.worker.oracle import Seen

FAULTS = "seed=5,scorer_down=0.1,funds_lost=0.06,register_down=0.06,register_lost=0.06"
AGAIN = 12
"""Applications that are published a second time, as another case: the register refuses the one that comes second."""


@pytest.fixture
def bank(servers: Servers, tmp_path: Path) -> Cli:
    cli = at(servers, ROOT, tmp_path / "data", CREDIT_FAULTS=FAULTS)
    assert cli("apply").code == 0
    return cli


@contextmanager
def running(cli: Cli, log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        run = cli.start("run", "credit", "--json", stderr=output)
    try:
        yield
    finally:
        run.terminate()
        try:
            run.communicate(timeout=30)
        finally:
            run.kill()


def worker_of(cli: Cli) -> int:
    """The process of the run's one worker."""
    for process in Path("/proc").iterdir():
        try:
            ours = process.name.isdigit() and cli.namespace.encode() in (process / "environ").read_bytes()
            if ours and b"worker_process" in (process / "cmdline").read_bytes():
                return int(process.name)
        except OSError:
            continue
    raise AssertionError("no worker runs")


def published(loans: list[dict[str, Any]], file: Path) -> set[str]:
    """Every example as a case of its own number, and some of the approved ones again as `again-NUMBER`."""
    approved = [loan for loan in loans if loan["outcome"] == "approved"][:AGAIN]
    cases = [(loan["application_id"], loan) for loan in loans]
    cases += [(f"again-{loan['application_id']}", loan) for loan in approved]
    with gzip.open(file, "wt") as lines:
        lines.writelines(json.dumps({"case_id": case_id, **loan}) + "\n" for case_id, loan in cases)
    return {case_id for case_id, _ in cases}


def of_case(log: dict[str, list[Seen]], topic: str) -> Counter[str]:
    return Counter(seen.text("ce_subject") for seen in log[topic])


def test_every_loan_ends_once_and_the_money_put_aside_is_that_of_the_offers_that_stand(
    bank: Cli, servers: Servers, loans: list[dict[str, Any]], tmp_path: Path
) -> None:
    ids = published(loans, tmp_path / "cases.jsonl.gz")
    topics = Topics(bank.namespace, "credit")
    plan = compile_plan(_credit())
    with running(bank, tmp_path / "log"):
        publishing = bank.start("publish", "credit", str(tmp_path / "cases.jsonl.gz"))
        oracle.wait_for(servers.kafka, topics.outcomes, 20)
        os.kill(worker_of(bank), signal.SIGKILL)
        assert publishing.communicate(timeout=60) is not None
        assert publishing.returncode == 0
        assert len(oracle.wait_for(servers.kafka, topics.outcomes, len(ids), 120)) == len(ids)
        time.sleep(0.5)  # would some case get a second one?
    log = oracle.check(servers.kafka, topics, list(plan.agents), ids)

    outcomes = {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[topics.outcomes]}
    ended = Counter(said["outcome"] for said in outcomes.values())
    assert set(ended) == {"completed", "compensated", "escalated"}
    assert ended["compensated"] >= AGAIN // 2

    opened = of_case(log, topics.agent("open_application"))
    met = of_case(log, topics.agent("decide")) + of_case(log, topics.failed("decide"))
    assert met == opened, "every case that was opened is put together once"
    assert set(opened.values()) == {1}

    registered = {
        seen.text("ce_subject"): Decimal(orjson.loads(seen.value or b"")["amount"])
        for seen in log[topics.agent("register")]
    }
    assert {case for case in registered if outcomes[case]["outcome"] == "completed"} == set(registered)
    assert len(registered) > 10
    with psycopg.connect(servers.postgres) as db:
        (aside,) = db.execute("SELECT offers, amount FROM credit_reserved WHERE namespace = %s", [bank.namespace])
        assert aside == (len(registered), sum(registered.values()))
        standing = db.execute(
            "SELECT case_id, amount FROM credit_register WHERE namespace = %s AND withdrawn_at IS NULL",
            [bank.namespace],
        )
        assert dict(standing.fetchall()) == registered
        released = db.execute(
            "SELECT count(*) FROM credit_reservations WHERE namespace = %s AND released_at IS NOT NULL",
            [bank.namespace],
        ).fetchone()
    assert released == (ended["compensated"],)


def _credit() -> Any:
    from rooms.saga.credit import credit

    return credit
