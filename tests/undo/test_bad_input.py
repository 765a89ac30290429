"""What an unwinding meets that it cannot undo: each is loud, named, and stops none of the others."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from misstep import Choreography, compensate
from misstep.agents.plan import Plan
from misstep.errors import UsageError
from misstep.saga.compile import compile_plan
from misstep.saga.matrix_check import check_score
from tests.undo import trip as tripped
from tests.undo.test_unwinding import effects, outcome, undo_story
from tests.undo.trip import Wish
from tests.worker import oracle
from tests.worker.conftest import Site


def without_an_undo() -> Choreography:
    """The trip, whose room nobody gives back."""
    score = Choreography("trip", starts=Wish, deadline="5m", handoffs=1)
    score.on(tripped.hold_seat, waive="nothing of its own can fail")
    score.on(tripped.hold_room, model_down=compensate)
    score.on(tripped.hold_car, waive="nothing of its own can fail")
    score.on(tripped.pay, compliance_fail=compensate, model_down=compensate)
    score.undo(tripped.hold_seat)(tripped.release_seat)
    score.undo(tripped.hold_car)(tripped.release_car)
    score.undo(tripped.pay)(tripped.refund)
    return score


def test_a_missing_undo_is_found_before_it_is_needed() -> None:
    messages = [finding.message for finding in check_score(without_an_undo()) if finding.level == "error"]
    assert any("holds a room" in message and "nothing undoes it" in message for message in messages)


def test_a_missing_undo_is_a_dead_letter_and_the_others_are_undone(
    make_site_of: Callable[[Plan], Site], journal_file: Path
) -> None:
    site = make_site_of(compile_plan(without_an_undo()))
    ids = site.publish([Wish(number=1, script={"pay": ["refused"]})])
    with site.hosting():
        site.wait_for_outcomes(1)
    log = site.check(ids)
    ended = outcome(log, site, "case-1")
    assert ended["outcome"] == "partly_compensated"
    assert "hold_room holds a room, and the score declares no undo for it" in ended["detail"]
    assert [(agent, reason) for agent, reason, _ in undo_story(log, site, "case-1")] == [
        ("undo", "ok"),
        ("pay", "ok"),
        ("hold_car", "ok"),
        ("hold_room", "undo_failed"),
        ("hold_seat", "ok"),
    ]
    (letter,) = log[site.topics.dlq]
    assert (letter.text("dlq_reason"), letter.text("dlq_agent")) == ("undo_failed", "hold_room")


def test_a_history_whose_events_are_past_retention_is_undone_as_far_as_can_be(site: Site, journal_file: Path) -> None:
    site.publish([Wish(number=1, script={"pay": ["refused"]})])
    with site.hosting(coordinate=False):
        (failed,) = oracle.wait_for(site.kafka, site.topics.failed("pay"), 1, 60)
    admin = AdminClient({"bootstrap.servers": site.kafka})
    gone = TopicPartition(site.topics.agent("hold_room"), failed.partition, -1)  # -1: up to the end
    for future in admin.delete_records([gone]).values():
        future.result()
    with site.hosting(slot="other-0"):
        (ended,) = site.wait_for_outcomes(1)
    assert orjson.loads(ended.value or b"")["outcome"] == "partly_compensated"
    undone = [step for what, step in effects(journal_file, "case-1") if what == "undo"]
    assert undone == ["pay", "hold_seat"]
    detail = orjson.loads(ended.value or b"")["detail"]
    assert "hold_car" in detail
    assert "hold_room" in detail
    assert "is no longer in Kafka" in detail


def test_bytes_that_are_no_undo_command_end_as_a_dead_letter(site: Site, journal_file: Path) -> None:
    headers = [
        ("ce_route", b"undo:pay"),
        ("ce_agent", b"undo"),
        ("ce_stateversion", b"1"),
        ("ce_epoch", b"0"),
        ("ce_failurereason", b"ok"),
        ("ce_history", b'[["cases",0,0,0,"ok"]]'),
        ("ce_hash", b"0" * 64),
        ("ce_id", b"forged/0/1/undo"),
    ]
    site.publish_raw(b"{not json", b"forged", headers, site.topics.undo)
    with site.hosting():
        (ended,) = site.wait_for_outcomes(1)
    said = orjson.loads(ended.value or b"")
    assert (said["outcome"], said["failure_reason"], said["agent"]) == ("partly_compensated", "undo_failed", "pay")
    (letter,) = oracle.read_all(site.kafka, [site.topics.dlq])
    assert letter.value == b"{not json"


def test_an_undo_that_is_no_coroutine_is_refused() -> None:
    score = Choreography("trip", starts=Wish, deadline="5m")
    score.on(tripped.hold_seat, waive="nothing of its own can fail")
    score.undo(tripped.hold_seat)(lambda undo: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(UsageError, match="must be `async def`"):
        compile_plan(score)
