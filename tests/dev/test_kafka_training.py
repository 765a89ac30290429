"""The broker's training run, and what happens without its result."""

import threading
from pathlib import Path

import pytest

from misstep.dev import kafka_training
from misstep.dev.cancel import StartCancelledError
from misstep.dev.kafka import EmbeddedKafka
from misstep.dev.kafka_aot import cache_directory, cache_file, can_be_trained, install
from misstep.dev.kafka_jars import class_path


class Heard:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def bar(self, label: str, total_bytes: int):
        raise AssertionError("the jars are there already")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class_path()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kafka_training, "WORK_S", 0.3)


@pytest.mark.skipif(not can_be_trained(), reason="this Java keeps no such cache")
def test_a_training_run_leaves_one_cache_and_is_not_repeated():
    heard = Heard()
    kafka_training.train_once(reporter=heard)
    assert heard.lines == ["Preparing Kafka to start faster from now on (about 12 s, once)"]
    assert [file.name for file in cache_directory().iterdir() if file.suffix == ".aot"] == [
        cache_file(class_path()).name
    ]
    assert not (cache_directory() / "training").exists()
    kafka_training.train_once(reporter=heard)
    assert len(heard.lines) == 1


@pytest.mark.skipif(not can_be_trained(), reason="this Java keeps no such cache")
def test_a_training_run_that_is_interrupted_leaves_nothing():
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(StartCancelledError):
        kafka_training.train_once(reporter=Heard(), cancel=cancel)
    assert [file.name for file in cache_directory().iterdir()] == ["training.lock"]


@pytest.mark.skipif(not can_be_trained(), reason="this Java keeps no such cache")
def test_a_cache_that_cannot_be_kept_is_gone_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    heard = Heard()
    kafka_training.train_once(reporter=heard)
    assert "Kafka works, but was not prepared to start faster" in heard.lines[-1]


def test_a_broken_cache_does_not_keep_the_broker_from_starting(own_data: Path):
    cache = cache_file(class_path())
    cache.parent.mkdir()
    cache.write_bytes(b"\0" * 100_000)
    kafka = EmbeddedKafka(own_data / "kafka")
    kafka.start()
    assert kafka.answers()


def test_only_the_two_latest_caches_are_kept():
    cache_directory().mkdir()
    for name in "abc":
        draft = cache_directory() / "draft"
        draft.write_text(name)
        install(draft, cache_directory() / f"kafka-{name}.aot")
    assert sorted(file.name for file in cache_directory().iterdir()) == ["kafka-b.aot", "kafka-c.aot"]
