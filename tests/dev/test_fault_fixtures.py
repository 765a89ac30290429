"""The embedded servers as things to be broken: frozen, killed, restarted."""

import time
from pathlib import Path

import psycopg
import pytest

from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.postgres import EmbeddedPostgres
from misstep.dev.servers import status

from .kafka_client import read, write


def test_a_frozen_broker_answers_again_when_it_is_resumed(data: Path, kafka: EmbeddedKafka):
    kafka.pause()
    try:
        assert status(data).kafka.state == "not answering"
        assert not kafka.answers(timeout_s=0.2)
    finally:
        kafka.resume()
    assert kafka.answers()
    assert status(data).kafka.state == "up"


def test_a_frozen_postgres_holds_open_connections_and_lets_them_go_on(data: Path, postgres: EmbeddedPostgres):
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '60s'")
        postgres.pause()
        try:
            connection.pgconn.send_query(b"SELECT 1")
            connection.pgconn.flush()
            time.sleep(0.2)
            connection.pgconn.consume_input()
            assert connection.pgconn.is_busy()
            assert status(data).postgres.state == "not answering"
        finally:
            postgres.resume()
        while connection.pgconn.get_result() is not None:
            pass
        assert connection.execute("SELECT 2").fetchone() == (2,)


def test_a_frozen_server_is_stopped_all_the_same(data: Path, postgres: EmbeddedPostgres):
    postgres.pause()
    postgres.stop()
    assert postgres.pid is None
    postgres.start()


def test_a_killed_broker_restarts_on_the_same_port_with_its_data(kafka: EmbeddedKafka):
    address = kafka.bootstrap_servers
    write(address, "restarts", b"kept")
    kafka.kill()
    assert kafka.pid is None
    kafka.start()
    assert kafka.bootstrap_servers == address
    assert read(address, "restarts") == b"kept"


def test_a_killed_postgres_with_busy_backends_restarts(postgres: EmbeddedPostgres):
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS restarts (n int)")
        connection.execute("INSERT INTO restarts VALUES (1)")
        before = postgres.pid
        postgres.kill()
        postgres.start()
        assert postgres.pid != before
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(postgres.dsn) as connection:
        assert connection.execute("SELECT n FROM restarts").fetchone() == (1,)


def test_start_of_a_running_server_changes_nothing(kafka: EmbeddedKafka, postgres: EmbeddedPostgres):
    before = kafka.pid, postgres.pid
    kafka.start()
    postgres.start()
    assert (kafka.pid, postgres.pid) == before
