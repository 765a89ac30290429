"""What is taken back stands in the trace of its case, and in the metrics."""

from __future__ import annotations

import itertools

from tests.undo.trip import Wish
from tests.worker.conftest import Site
from tests.worker.traced import span_id, spans_of, traced

UNDOS = ["undo pay", "undo hold_car", "undo hold_room", "undo hold_seat"]


def test_undos_follow_each_other_in_the_trace_of_their_case(site: Site) -> None:
    site.publish([Wish(number=1, script={"pay": ["refused"], "undo hold_room": ["raises"]})])
    with traced(site) as exporter:
        site.wait_for_outcomes(1)
    spans = spans_of(exporter, "case-1")
    done = ["cases", "hold_seat", "hold_room", "hold_car", "pay"]
    assert sorted(spans) == sorted([*done, "compensate", *UNDOS, "outcomes"])
    assert len({one.context.trace_id for one in spans.values() if one.context}) == 1
    order = [*done, "compensate", *UNDOS, "outcomes"]
    for above, below in itertools.pairwise(order):
        parent = spans[below].parent
        assert parent is not None, below
        assert parent.span_id == span_id(spans[above]), below
    failed = spans["undo hold_room"]
    assert not failed.status.is_ok
    assert failed.attributes is not None
    assert failed.attributes["misstep.reason"] == "undo_failed"
    assert [one.name for one in failed.events] == ["retry", "retry"]
    assert spans["outcomes"].attributes is not None
    assert spans["outcomes"].attributes["misstep.outcome"] == "partly_compensated"


def test_undos_are_counted_by_result(site: Site) -> None:
    site.publish([Wish(number=1, script={"pay": ["refused"], "undo hold_room": ["raises"]})])
    with site.hosting() as worker:
        site.wait_for_outcomes(1)
    registry = worker.metrics.registry

    def undone(agent: str, result: str) -> float | None:
        return registry.get_sample_value("misstep_undos_total", {"workflow": "trip", "agent": agent, "result": result})

    assert [undone(name, "ok") for name in ("pay", "hold_car", "hold_seat")] == [1, 1, 1]
    assert undone("hold_room", "undo_failed") == 1
    ended = {"workflow": "trip", "outcome": "partly_compensated"}
    assert registry.get_sample_value("misstep_cases_ended_total", ended) == 1
    letter = {"workflow": "trip", "agent": "hold_room", "reason": "undo_failed"}
    assert registry.get_sample_value("misstep_dead_letters_total", letter) == 1
