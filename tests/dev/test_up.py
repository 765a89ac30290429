"""`up` on servers that run, stop, die and lose their ports."""

import json
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaError, Producer

from misstep.dev.process_table import children
from misstep.dev.servers import down, status, up
from misstep.dev.state import ServerState, remembered_ports, state_file
from misstep.errors import UsageError

from .kafka_client import advertised, read, write


def test_servers_outlive_the_command_that_started_them(started_by_a_command):
    assert started_by_a_command.afterwards.up
    assert started_by_a_command.afterwards.as_dict() == started_by_a_command.printed


def test_servers_run_in_sessions_of_their_own(state: ServerState):
    for pid in (state.kafka.pid, state.postgres.pid):
        assert pid is not None
        assert os.getsid(pid) == pid


def test_kafka_keeps_what_is_written(state: ServerState):
    write(state.kafka.bootstrap_servers, "kept", b"one")
    assert read(state.kafka.bootstrap_servers, "kept") == b"one"


def test_a_mistyped_topic_is_not_created_by_writing_to_it(state: ServerState):
    errors: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": state.kafka.bootstrap_servers,
            "allow.auto.create.topics": True,
            "topic.metadata.propagation.max.ms": 200,
        }
    )
    producer.produce("mistyped", b"", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(20) == 0
    assert errors[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_postgres_is_the_pinned_major_and_has_the_database(state: ServerState):
    with psycopg.connect(state.postgres.dsn) as connection:
        row = connection.execute(
            "SELECT current_database(), current_setting('server_version'), current_setting('TimeZone')"
        ).fetchone()
    assert row == ("misstep", state.postgres.version, "UTC")
    assert state.postgres.version.startswith("18.")


def test_postgres_wants_a_password(state: ServerState):
    without = state.postgres.dsn.replace(state.postgres.dsn.split("@")[0], "postgresql://misstep:wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on 127.0.0.2 without being told to")
def test_servers_listen_on_the_loopback_address_alone(data: Path, state: ServerState):
    for port in remembered_ports(data):
        assert port is not None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=2)


def test_up_when_up_returns_the_same_servers_at_once(data: Path, state: ServerState):
    began = time.monotonic()
    assert up(data) == state
    assert time.monotonic() - began < 1


def test_state_file_holds_the_state_for_its_owner_alone(data: Path, state: ServerState):
    file = state_file(data)
    assert json.loads(file.read_text()) == state.as_dict()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_another_port_than_the_running_one_is_refused(data: Path, state: ServerState):
    with pytest.raises(UsageError, match=r"Kafka is up already, on port \d+: run `misstep down` first"):
        up(data, kafka_port=9)
    with pytest.raises(UsageError, match=r"Postgres is up already, on port \d+: run `misstep down` first"):
        up(data, postgres_port=9)


def test_both_killed_come_back_on_the_same_ports_with_their_data(data: Path, state: ServerState):
    write(state.kafka.bootstrap_servers, "survives", b"a crash")
    with psycopg.connect(state.postgres.dsn) as connection:
        connection.execute("CREATE TABLE survives AS SELECT 'a crash' AS what")
    # kill -9 as a person would: only the two processes that `status` names, the backends are left to notice.
    for pid in (state.kafka.pid, state.postgres.pid):
        os.kill(pid, signal.SIGKILL)
    again = up(data)
    assert again.kafka.bootstrap_servers == state.kafka.bootstrap_servers
    assert again.postgres.dsn == state.postgres.dsn
    assert again.kafka.pid != state.kafka.pid
    assert read(again.kafka.bootstrap_servers, "survives") == b"a crash"
    with psycopg.connect(again.postgres.dsn) as connection:
        assert connection.execute("SELECT what FROM survives").fetchone() == ("a crash",)


def test_a_remembered_port_that_is_taken_gives_way_and_the_data_follows(data: Path, state: ServerState):
    write(state.kafka.bootstrap_servers, "moves", b"along")
    ports = remembered_ports(data)
    down(data)
    squatters = [socket.create_server(("127.0.0.1", port)) for port in ports]
    try:
        moved = up(data)
    finally:
        for squatter in squatters:
            squatter.close()
    assert not set(remembered_ports(data)) & set(ports)
    assert advertised(moved.kafka.bootstrap_servers) == [moved.kafka.bootstrap_servers]
    assert read(moved.kafka.bootstrap_servers, "moves") == b"along"
    with psycopg.connect(moved.postgres.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_down_stops_both_and_says_so(data: Path, state: ServerState):
    family = [state.kafka.pid, state.postgres.pid, *children(state.postgres.pid)]
    after = down(data)
    assert (after.kafka.state, after.postgres.state) == ("down", "down")
    assert (after.kafka.pid, after.postgres.pid) == (None, None)
    # The addresses stay, since the next `up` takes them again.
    assert after.kafka.bootstrap_servers == state.kafka.bootstrap_servers
    assert status(data) == after
    assert not [pid for pid in family if Path(f"/proc/{pid}/cmdline").exists() and _is_running(pid)]


def test_a_server_that_is_down_alone_is_started_and_the_other_left_alone(data: Path, state: ServerState, postgres):
    postgres.stop()
    assert status(data).postgres.state == "down"
    again = up(data)
    assert again.kafka.pid == state.kafka.pid
    assert again.postgres.state == "up"


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
