"""A fork and its join in the trace of their case."""

from __future__ import annotations

from tests.joins.survey import Ask
from tests.worker.conftest import Site
from tests.worker.traced import span_id, spans_of, traced


def test_branches_stand_below_the_fork_and_a_join_below_one_and_linked_to_the_other(site: Site) -> None:
    site.publish([Ask(number=1)])
    with traced(site) as exporter:
        site.wait_for_outcomes(1)
    spans = spans_of(exporter, "case-1")
    below = {name: one.parent.span_id for name, one in spans.items() if one.parent is not None}
    at = {name: span_id(one) for name, one in spans.items()}
    assert len({one.context.trace_id for one in spans.values() if one.context}) == 1
    assert below["ask_left"] == below["ask_middle"] == at["open_file"]
    assert below["ask_right"] == at["ask_middle"]
    assert below["put_together"] == at["ask_left"]
    assert [link.context.span_id for link in spans["put_together"].links] == [at["ask_right"]]
    assert below["close_file"] == at["put_together"]
