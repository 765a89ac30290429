"""A process's metrics over HTTP: where it was told to, and what it is."""

from __future__ import annotations

import socket
import urllib.request
from argparse import ArgumentParser, Namespace

import pytest
from prometheus_client import CollectorRegistry

from misstep.cli.serve_metrics import metrics_options, serve_metrics
from misstep.errors import UsageError


def told(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    metrics_options(parser)
    return parser.parse_args(arguments)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_process_says_what_it_is_and_what_it_uses() -> None:
    port = free_port()
    serve_metrics(told("--metrics-port", str(port)), "worker", "abc123", CollectorRegistry())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        served = answer.read().decode()
    assert 'misstep_process{build="abc123",role="worker"} 1.0' in served
    assert "process_resident_memory_bytes" in served


def test_without_a_port_nothing_is_served() -> None:
    registry = CollectorRegistry()
    serve_metrics(told(), "worker", "abc123", registry)
    assert list(registry.collect()) == []


def test_it_is_served_here_only_unless_it_is_told_otherwise() -> None:
    assert told().metrics_address == "127.0.0.1"
    with pytest.raises(UsageError, match=r"Port 9464 of 203\.0\.113\.7 cannot be used for metrics \(.+\)"):
        serve_metrics(
            told("--metrics-port", "9464", "--metrics-address", "203.0.113.7"), "worker", "b", CollectorRegistry()
        )
