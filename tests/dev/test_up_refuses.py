"""Conditions that `up` can foresee: one sentence each, and nothing started."""

import json
import os
import socket
from pathlib import Path

import pytest

from misstep.dev.postgres import EmbeddedPostgres
from misstep.dev.process_table import birth_mark
from misstep.dev.servers import down, status, up
from misstep.errors import UsageError


def assert_nothing_was_started(data: Path) -> None:
    for server in ("kafka", "postgres"):
        assert not (data / server / "server.pid").exists()


@pytest.mark.parametrize(("option", "name"), [("kafka_port", "Kafka"), ("postgres_port", "Postgres")])
def test_a_given_port_that_is_taken(own_data: Path, option: str, name: str):
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} on 127.0.0.1 cannot be used for {name}.*or give another"):
            up(own_data, **{option: port})
    assert_nothing_was_started(own_data)


def test_a_given_port_that_is_no_port(own_data: Path):
    with pytest.raises(UsageError, match="--kafka-port 70000 is not a TCP port"):
        up(own_data, kafka_port=70000)


@pytest.mark.parametrize("written", ["3.9.1", "5.0.0", "4.99.0", "unknown"])
def test_data_of_another_kafka(own_data: Path, written: str):
    (own_data / "kafka" / "data").mkdir(parents=True)
    (own_data / "kafka" / "version").write_text(written + "\n")
    (own_data / "layout").write_text("1\n")
    with pytest.raises(UsageError, match=rf"was written by Kafka {written}, this is Kafka 4\.3\.0: use"):
        up(own_data)
    assert_nothing_was_started(own_data)


def test_data_of_another_postgres(own_data: Path):
    (own_data / "postgres" / "data").mkdir(parents=True)
    (own_data / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    (own_data / "layout").write_text("1\n")
    with pytest.raises(UsageError, match="was written by Postgres 17, this is Postgres 18: dump it"):
        up(own_data)
    assert_nothing_was_started(own_data)


def test_a_layout_of_another_version_of_ours(own_data: Path):
    own_data.mkdir()
    (own_data / "layout").write_text("2\n")
    with pytest.raises(UsageError, match=r"laid out by another version of Misstep \(layout 2, this one reads 1\)"):
        up(own_data)


def test_a_directory_that_somebody_else_made(own_data: Path):
    (own_data / "kafka").mkdir(parents=True)
    with pytest.raises(UsageError, match="Misstep did not make it"):
        up(own_data)


def test_a_data_directory_that_is_a_file(own_data: Path):
    own_data.write_text("")
    with pytest.raises(UsageError, match="cannot be used for the servers' data"):
        up(own_data)


def test_status_and_down_of_nothing_say_down_and_make_nothing(own_data: Path):
    for ask in (status, down):
        state = ask(own_data)
        assert (state.kafka.state, state.postgres.state) == ("down", "down")
        assert (state.kafka.bootstrap_servers, state.postgres.dsn) == (None, None)
    assert not own_data.exists()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"pid": os.getpid(), "born": "another boot/1", "port": 9092}, id="a reused pid"),
        pytest.param({"pid": 2**22 + 1, "born": "another boot/1", "port": 9092}, id="a dead pid"),
        pytest.param({"pid": "?"}, id="half a file"),
    ],
)
def test_a_stale_pid_file_is_not_trusted(own_data: Path, written: dict[str, object]):
    (own_data / "kafka").mkdir(parents=True)
    (own_data / "kafka" / "server.pid").write_text(json.dumps(written))
    assert status(own_data).kafka.pid is None
    # Stopping must not hit whoever has the pid now: this very process.
    down(own_data)


def test_a_postgres_that_was_killed_before_it_had_written_its_pid_starts_again(own_data: Path):
    postgres = EmbeddedPostgres(own_data / "postgres")
    postgres.start()
    postgres.stop()
    (pid_file,) = (own_data / "postgres").glob("*/postmaster.opts")
    pid_file.with_name("postmaster.pid").touch()
    postgres.start()
    assert postgres.pid is not None


def test_the_birth_mark_of_a_process_is_stable_and_its_own():
    assert birth_mark(os.getpid()) == birth_mark(os.getpid())
    assert birth_mark(os.getpid()) != birth_mark(1)
    assert birth_mark(2**22 + 1) is None
