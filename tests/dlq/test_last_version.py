"""What a case ended with is read from Kafka, or put together from the audit: the two come to the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from misstep.bus.recall import EventReader
from misstep.bus.topics import Topics
from misstep.contracts.event import MalformedEvent
from misstep.dlq.last_version import read_stopped
from misstep.store.connect import connect
from misstep.store.standing import LastVersion, standings
from tests.dlq.conftest import Shop, unique


def gone(topic: str, partition: int, offset: int) -> tuple[bytes | None, Mapping[str, bytes]]:
    raise LookupError("past its retention")


def ended(shop: Shop, topics: Topics, case: str, epoch: int = 0) -> LastVersion:
    with connect(shop.servers.postgres) as connection:
        last = standings(connection, topics.namespace, topics.workflow, [(case, epoch)])[case, epoch].last
    assert last is not None
    return last


@pytest.mark.parametrize(
    ("workflow", "script", "agent"),
    [
        ("parcels", {"send": ["rubric_fail"]}, "send"),
        ("parcels", {"weigh": ["compliance_fail"], "weigh_by_hand": ["model_down"]}, "weigh_by_hand"),
        ("checks", {"look_left": ["model_down"]}, "put_together"),
    ],
)
def test_past_the_retention_of_kafka_a_history_is_put_together_from_the_audit(
    shop: Shop, workflow: str, script: dict[str, list[str]], agent: str
) -> None:
    topics = Topics(shop.namespace, workflow)
    here = Shop(shop.servers, shop.cli, workflow=workflow)
    (case,) = unique("past")
    here.publish(**{case: {"number": 1, "script": script}})
    here.ends("escalated" if agent == "send" else "dead_lettered", case)
    last = ended(here, topics, case)
    assert last.agent == agent
    recall = EventReader(shop.servers.kafka, "tests-last-version")
    with connect(shop.servers.postgres) as connection:
        from_kafka = read_stopped(connection, topics, recall, case, 0, last)
        from_audit = read_stopped(connection, topics, gone, case, 0, last)
    recall.close()
    assert from_audit == from_kafka


def test_an_event_that_is_not_what_the_audit_says_is_refused(shop: Shop) -> None:
    (case,) = unique("forged")
    shop.publish(**{case: {"number": 1, "script": {"weigh": ["model_down"]}}})
    shop.ends("dead_lettered", case)
    last = ended(shop, shop.topics, case)
    with (
        connect(shop.servers.postgres) as connection,
        pytest.raises(MalformedEvent, match="is not what the audit says"),
    ):
        read_stopped(connection, shop.topics, lambda *at: (b"{}", {"ce_hash": b"other"}), case, 0, last)


def test_a_history_that_nobody_has_any_more_is_refused(shop: Shop) -> None:
    (case,) = unique("nobody")
    last = LastVersion("weigh", 1, "model_down", "0" * 64, "t", 0, 0)
    with connect(shop.servers.postgres) as connection, pytest.raises(LookupError, match="the audit has no version"):
        read_stopped(connection, shop.topics, gone, case, 0, last)
