"""Every metric and label that the rules and the dashboard name is one that the processes export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as ast
import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from misstep.agents.worker.metrics import Metrics
from misstep.cli.serve_metrics import PROCESS, PROCESS_LABELS
from misstep.store import sink_metrics
from tests.deploy.rules import rules

DASHBOARD = json.loads((Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "misstep.json").read_text("utf-8"))
OF_PROMETHEUS = {"instance", "job"}
"""Labels that every scraped sample has."""


def exported() -> dict[str, set[str]]:
    """Every sample that a process of Misstep can export, and its labels."""
    metrics = Metrics()
    found: dict[str, set[str]] = {PROCESS[0]: set(PROCESS_LABELS)}
    kinds = [
        *metrics.registry._collector_to_names,
        *(one for name, one in vars(sink_metrics).items() if name.isupper()),
    ]
    for kind in kinds:
        labels = set(getattr(kind, "_labelnames", ()))
        for family in kind.collect() if hasattr(kind, "collect") else ():
            own = labels or set(getattr(family, "_labelnames", ()))
            names = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
            for ending in names:
                found[family.name + ending] = own | ({"le"} if ending == "_bucket" else set())
    for family in ProcessCollector(registry=CollectorRegistry()).collect():
        found |= {sample.name: set() for sample in family.samples}
    return found | {
        rule["record"]: {"workflow", "agent"}
        for rule in rules()
        if "record" in rule  # checked as any rule is
    }


def expressions() -> list[tuple[str, str]]:
    """Where an expression stands, and its text with Grafana's variables filled in."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    for panel in DASHBOARD["panels"]:
        found += [
            (f"{panel['title']} {target['refId']}", target["expr"].replace("$workflow", ".*"))
            for target in panel.get("targets", ())
        ]
    return found


def named(expr: Any) -> Iterator[tuple[str, set[str]]]:
    """The samples that an expression selects, each with every label that is asked of it."""
    match expr:
        case ast.VectorSelector():
            yield expr.name, {one.name for one in expr.matchers.matchers}
        case ast.MatrixSelector():
            yield from named(expr.vector_selector)
        case ast.AggregateExpr():
            by = set(expr.modifier.labels) if expr.modifier else set()
            yield from ((name, labels | by) for name, labels in named(expr.expr))
        case ast.Call():
            for one in expr.args:
                yield from named(one)
        case ast.BinaryExpr():
            matching = expr.modifier.matching if expr.modifier else None
            on = set(matching.labels) if matching else set()
            yield from ((name, labels | on) for side in (expr.lhs, expr.rhs) for name, labels in named(side))
        case ast.ParenExpr():
            yield from named(expr.expr)
        case ast.NumberLiteral():
            pass
        case _:
            raise NotImplementedError(type(expr).__name__)


@pytest.mark.parametrize(("place", "text"), expressions(), ids=[place for place, _ in expressions()])
def test_an_expression_names_what_is_exported(place: str, text: str) -> None:
    there = exported()
    for name, labels in named(ast.parse(text)):
        assert name in there, name
        assert labels <= there[name] | OF_PROMETHEUS, (name, labels - there[name])


def test_every_alert_of_turns_has_a_panel() -> None:
    told = " ".join(panel.get("description", "") for panel in DASHBOARD["panels"])
    for name in ("ErrorRate", "SlowTurns", "OpenCircuits", "DeadLetters", "Retries", "UndoFailed", "Held"):
        assert f"Misstep{name}" in told


def test_the_dashboard_shows_every_metric_of_the_agents_and_the_audits_state() -> None:
    shown = {name for _, text in expressions() for name, _ in named(ast.parse(text))}
    counted = {name for name in exported() if name.startswith("misstep_") and not name.endswith(("_sum", "_count"))}
    left_out = {
        "misstep_audit_dead_letters_total",
        "misstep_audit_careful_rows_total",
        "misstep_audit_batches_total",
        "misstep_audit_batch_seconds_bucket",
        "misstep_audit_lag_records",
        "misstep_commit_turns_bucket",
    }
    assert counted - shown == left_out


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
