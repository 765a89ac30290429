"""Laying out the broker's data directory."""

from pathlib import Path

import pytest

from misstep.dev.kafka_config import log4j2_properties
from misstep.dev.kafka_format import format_storage, new_cluster_id
from misstep.dev.kafka_jars import class_path
from misstep.errors import MisstepError


def test_no_cluster_id_looks_like_an_option():
    ids = [new_cluster_id() for _ in range(2000)]
    assert {len(cluster) for cluster in ids} == {22}
    assert not [cluster for cluster in ids if cluster.startswith("-")]


def test_a_format_that_fails_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("misstep.dev.kafka_format.new_cluster_id", lambda: "-no")
    log_settings = tmp_path / "log4j2.properties"
    log_settings.write_text(log4j2_properties())
    with pytest.raises(MisstepError, match=r"could not be laid out, saying '.*--cluster-id.*': the whole log is"):
        format_storage(tmp_path / "data", jars=class_path(), log=tmp_path / "server.log", log_settings=log_settings)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log4j2.properties", "server.log"]
