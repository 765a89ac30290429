"""Where tests get their servers from."""

import pytest

from misstep.testing import servers
from misstep.testing.servers import real_servers


def test_servers_that_are_given_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MISSTEP_KAFKA", "kafka.example:9092")
    monkeypatch.setenv("MISSTEP_POSTGRES", "postgresql://given")
    with real_servers() as given:
        assert (given.bootstrap_servers, given.dsn, given.origin) == (
            "kafka.example:9092",
            "postgresql://given",
            "given",
        )


def test_without_docker_embedded_servers_are_started_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch):
    for name in ("MISSTEP_KAFKA", "MISSTEP_POSTGRES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(servers, "docker_answers", lambda: False)
    with real_servers() as embedded:
        assert embedded.origin == "embedded"
        assert embedded.data is not None
        assert embedded.bootstrap_servers.startswith("127.0.0.1:")
        assert "@127.0.0.1:" in embedded.dsn
    assert not embedded.data.exists()
