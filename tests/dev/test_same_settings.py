"""The broker is set up alike, embedded and in containers."""

import re
from pathlib import Path

from misstep.dev.kafka_config import BROKER_SETTINGS, server_properties
from misstep.dev.kafka_jars import KAFKA_VERSION
from misstep.dev.versions import POSTGRES_MAJOR
from misstep.testing.containers import environment_name

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def test_compose_gives_the_broker_the_embedded_ones_settings():
    in_compose = dict(re.findall(r'^ +(KAFKA_\w+): "?(.*?)"?$', COMPOSE.read_text(), re.MULTILINE))
    expected = {environment_name(name): str(value) for name, value in BROKER_SETTINGS.items()}
    assert {name: in_compose.get(name) for name in expected} == expected


def test_compose_uses_the_embedded_versions():
    text = COMPOSE.read_text()
    assert f"image: apache/kafka:{KAFKA_VERSION}\n" in text
    assert f"image: postgres:{POSTGRES_MAJOR}\n" in text


def test_compose_publishes_on_the_loopback_address_alone():
    published = re.findall(r"^ +- \"(.*):\d+:\d+\"$", COMPOSE.read_text(), re.MULTILINE)
    assert published == ["127.0.0.1", "127.0.0.1"]


def test_the_embedded_broker_advertises_where_it_listens(tmp_path: Path):
    lines = server_properties(log_dir=tmp_path, port=1234, controller_port=2345).splitlines()
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:1234" in lines
    assert "listeners=PLAINTEXT://127.0.0.1:1234,CONTROLLER://127.0.0.1:2345" in lines
