"""Alerts never keep anybody waiting: while Kafka is away they are dropped, and the log says so."""

import orjson
import pytest
from confluent_kafka.admin import AdminClient
from structlog.testing import capture_logs

from misstep.bus import alerts as module
from misstep.bus.alerts import Alerts
from misstep.bus.provision import apply_topics, shared_topics
from misstep.bus.topics import alerts_topic
from misstep.dev.ports import free_port
from tests.conftest import Servers
from tests.worker import oracle
from tests.worker.conftest import until


def test_they_are_written_in_order_with_their_key(servers: Servers, namespace: str) -> None:
    apply_topics(AdminClient({"bootstrap.servers": servers.kafka}), shared_topics(namespace), 1)
    alerts = Alerts(servers.kafka, namespace, "test")
    for number in range(50):
        alerts.say("breaker/ledger", {"number": number})
    alerts.close(20)
    written = oracle.read_all(servers.kafka, [alerts_topic(namespace)])
    assert [orjson.loads(one.value or b"") for one in written] == [{"number": number} for number in range(50)]
    assert {one.key for one in written} == {b"breaker/ledger"}


def test_while_kafka_is_away_they_are_dropped_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_MS", 300)
    monkeypatch.setattr(module, "WAITING_MAX", 20)
    with capture_logs() as logged:
        alerts = Alerts(f"127.0.0.1:{free_port()}", "nowhere", "test")
        for number in range(200):
            alerts.say("breaker/ledger", {"number": number})
        full = [line for line in logged if "Kafka does not take them" in line["event"]]
        assert full, "what does not fit is dropped at once"
        assert until(lambda: any("because" in line for line in logged)), "and the rest when its time is over"
        alerts.close(5)
