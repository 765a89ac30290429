"""The whole chain: workers and the sink are killed under load, and the audit says exactly what the topics say."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import psycopg
import pytest

from misstep.store.migrate import migrate
from tests.conftest import Servers
from tests.worker.conftest import Site, until
from tests.worker.load import Load
from tests.worker.oracle import Seen

ROOT = Path(__file__).resolve().parents[2]
SEED = 42
SINK = """
import sys, threading
from misstep.bus.topics import Topics
from misstep.store.sink import Sink
kafka, dsn, namespace, workflow, *agents = sys.argv[1:]
Sink(kafka, dsn, Topics(namespace, workflow), agents, instance="audit").run(threading.Event())
"""


def start_sink(site: Site, dsn: str) -> subprocess.Popen[bytes]:
    arguments = [site.kafka, dsn, site.namespace, site.plan.workflow, *site.agents]
    return subprocess.Popen([sys.executable, "-c", SINK, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)


@pytest.fixture
def database(servers: Servers) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    migrate(servers.postgres)
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        yield connection


def rows_of(database: psycopg.Connection[tuple[object, ...]], namespace: str) -> int:
    found = database.execute("SELECT count(*) FROM case_turns WHERE namespace = %s", [namespace]).fetchone()
    assert found is not None
    return int(str(found[0]))


def test_case_turns_are_the_topics_row_by_row_after_kills_of_worker_and_sink(
    site: Site, servers: Servers, database: psycopg.Connection[tuple[object, ...]]
) -> None:
    chance = random.Random(SEED)
    sink = start_sink(site, servers.postgres)
    site.start("steady")
    load = Load(site, 150, SEED)
    try:
        for seam in ("after_produce", "commit"):
            victim = site.processes[site.start("victim", kill=f"{seam}:{chance.randint(3, 20)}")]
            time.sleep(chance.uniform(0.5, 1.5))
            sink.kill()
            sink.wait()
            sink = start_sink(site, servers.postgres)
            assert victim.wait(30) == -9
        site.start("victim")
        time.sleep(1)
        ids = load.stop()
        site.wait_for_outcomes(len(ids), 60)
        log = site.check(ids)
        letters = log.pop(site.topics.dlq, [])
        events = [seen for topic in log.values() for seen in topic]
        assert until(lambda: rows_of(database, site.namespace) >= len(events), 30)
        time.sleep(0.5)
        check_rows(database, site, events)
        check_letters(database, site, letters)
    finally:
        sink.kill()
        sink.wait()


def check_rows(database: psycopg.Connection[tuple[object, ...]], site: Site, events: list[Seen]) -> None:
    columns = (
        "kafka_topic, kafka_partition, kafka_offset, case_id, epoch, state_version, agent, failure_reason::text, route,"
        " prev_hash, hash, attempts, degraded::text, payload, evidence, tries"
    )
    rows = database.execute(f"SELECT {columns} FROM case_turns WHERE namespace = %s", [site.namespace]).fetchall()  # type: ignore[arg-type]
    assert len(rows) == len(events)
    by_place = {(row[0], row[1], row[2]): row[3:] for row in rows}
    for seen in events:
        row = by_place[seen.topic, seen.partition, seen.offset]
        assert row == (
            seen.text("ce_subject"),
            int(seen.text("ce_epoch")),
            int(seen.text("ce_stateversion")),
            seen.text("ce_agent"),
            seen.text("ce_failurereason"),
            seen.text("ce_route"),
            seen.text("ce_prevhash") or row[6],
            seen.text("ce_hash"),
            row[8] if "ce_attempts" not in seen.headers else int(seen.text("ce_attempts")),
            seen.text("ce_degraded") or None,
            orjson.loads(seen.value or b"null"),
            row[11] if "ce_evidence" not in seen.headers else orjson.loads(seen.headers["ce_evidence"]),
            row[12] if "ce_tries" not in seen.headers else orjson.loads(seen.headers["ce_tries"]),
        )


def check_letters(database: psycopg.Connection[tuple[object, ...]], site: Site, letters: list[Seen]) -> None:
    query = "SELECT case_id, reason, origin_topic, origin_offset, key, value FROM dead_letters WHERE namespace = %s"
    rows = sorted(database.execute(query, [site.namespace]).fetchall(), key=str)
    assert rows == sorted(
        [
            (
                seen.text("dlq_caseid"),
                seen.text("dlq_reason"),
                seen.text("dlq_topic"),
                int(seen.text("dlq_offset")),
                seen.key,
                seen.value,
            )
            for seen in letters
        ],
        key=str,
    )
