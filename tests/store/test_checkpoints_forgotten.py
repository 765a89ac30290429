"""A case's checkpoints go with its outcome, in the transaction that writes it; nobody else's do."""

from __future__ import annotations

import psycopg
import pytest

from misstep.store.checkpoints import forget_left_over
from misstep.store.record_batch import BatchRecorder
from tests.store.conftest import Database, running_sink, wait_until_recorded
from tests.store.synthetic import Workflow


def remember(db: Database, workflow: Workflow, case_id: str, epoch: int = 0, *, days_ago: int = 0) -> None:
    topics = workflow.topics
    db.execute(
        "INSERT INTO checkpoints (namespace, turn, epoch, step, workflow, case_id, function, value, saved_at) "
        "VALUES (%s, %s, %s, 'ocr', %s, %s, 'f', '1', now() - make_interval(days => %s))",
        [topics.namespace, f"{case_id}/{epoch}", epoch, topics.workflow, case_id, days_ago],
    )


def remembered(db: Database, workflow: Workflow) -> set[tuple[str, int]]:
    rows = db.execute("SELECT case_id, epoch FROM checkpoints WHERE namespace = %s", [workflow.topics.namespace])
    return {(str(case_id), int(epoch)) for case_id, epoch in rows}


@pytest.mark.parametrize("way", ["as it is", "carefully", "one by one"])
def test_with_the_outcome_the_checkpoints_of_that_life_are_gone(
    workflow: Workflow, db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "one by one":

        def refuse(*_: object) -> int:
            raise psycopg.errors.UniqueViolation

        monkeypatch.setattr(BatchRecorder, "_as_it_is", refuse)
    for name in ("ends", "goes-on", "ends-again"):
        case = workflow.begin(name)
        remember(db, workflow, name, 0)
        remember(db, workflow, name, 1)
        case.epoch = 1 if name == "ends-again" else 0
        value = b'{"nul":"\\u0000"}' if way == "carefully" else b"{}"
        workflow.turn(case, "extract", value=value)
        if name != "goes-on":
            workflow.end(case)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    assert remembered(db, workflow) == {("ends", 1), ("goes-on", 0), ("goes-on", 1), ("ends-again", 0)}


def test_an_outcome_whose_epoch_is_garbage_forgets_nothing_and_is_written(
    workflow: Workflow, db: Database, dsn: str
) -> None:
    remember(db, workflow, "odd")
    case = workflow.begin("odd")
    for epoch in (b"one", b"", b"-1", b"99999999999999999999"):
        headers = [("ce_epoch", epoch), ("ce_failurereason", b"ok"), ("ce_stateversion", b"1")]
        workflow.put(workflow.topics.outcomes, b"odd", b"{}", headers, partition=case.partition)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    assert remembered(db, workflow) == {("odd", 0)}


def test_what_was_saved_after_the_end_does_not_stay_for_ever(workflow: Workflow, db: Database) -> None:
    remember(db, workflow, "late", days_ago=31)
    remember(db, workflow, "running", days_ago=29)
    forget_left_over(db, workflow.topics.namespace, workflow.topics.workflow)
    assert remembered(db, workflow) == {("running", 0)}
