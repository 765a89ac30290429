"""As much of PromQL as the alert rules use, evaluated on recorded samples.

The parser is a library; what is done here follows Prometheus's own engine (promql/functions.go: extrapolatedRate,
bucketQuantile), and `promtool test rules` comes to the same on the same file (test_rules.py runs both where it can).
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import promql_parser as ast

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
LOOKBACK_S = 300.0
NAME = "__name__"


class Samples:
    """Recorded series: what a Prometheus would hold; with those of a `base` that it stands on."""

    def __init__(self, base: Samples | None = None) -> None:
        self._base = base
        self._series: dict[Labels, list[tuple[float, float]]] = defaultdict(list)

    def add(self, labels: Iterable[tuple[str, str]], at_s: float, value: float) -> None:
        self._series[frozenset(labels)].append((at_s, value))

    def select(self, selector: ast.VectorSelector) -> dict[Labels, list[tuple[float, float]]]:
        tests = [(one.name, _matches(one.op, one.value)) for one in selector.matchers.matchers]
        if selector.name:
            tests.append((NAME, lambda value: value == selector.name))
        found = self._base.select(selector) if self._base else {}
        for labels, points in self._series.items():
            has = dict(labels)
            if all(test(has.get(name, "")) for name, test in tests):
                found[labels] = points
        return found


def _matches(op: ast.MatchOp, value: str) -> Callable[[str], bool]:
    if op == ast.MatchOp.Equal:
        return lambda has: has == value
    if op == ast.MatchOp.NotEqual:
        return lambda has: has != value
    if op == ast.MatchOp.Re:
        return lambda has: re.fullmatch(value, has) is not None
    return lambda has: re.fullmatch(value, has) is None


def evaluate(expr: Any, samples: Samples, at_s: float) -> Vector | float:
    """The value of an expression at a moment; NotImplementedError for what no rule uses yet."""
    match expr:
        case ast.NumberLiteral():
            return float(expr.val)
        case ast.ParenExpr():
            return evaluate(expr.expr, samples, at_s)
        case ast.VectorSelector():
            return _instant(expr, samples, at_s)
        case ast.AggregateExpr():
            return _aggregate(expr, samples, at_s)
        case ast.Call():
            return _call(expr, samples, at_s)
        case ast.BinaryExpr():
            return _binary(expr, samples, at_s)
    raise NotImplementedError(type(expr).__name__)


def _offset_s(selector: ast.VectorSelector) -> float:
    return selector.offset.total_seconds() if selector.offset else 0.0


def _instant(selector: ast.VectorSelector, samples: Samples, at_s: float) -> Vector:
    at_s -= _offset_s(selector)
    found: Vector = {}
    for labels, points in samples.select(selector).items():
        recent = [value for when, value in points if at_s - LOOKBACK_S < when <= at_s]
        if recent:
            found[labels] = recent[-1]
    return found


def _without_name(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != NAME)


# -- aggregation ------------------------------------------------------------------------------------------------------

_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "max": max,
    "min": min,
    "count": lambda values: float(len(values)),
}


def _aggregate(expr: ast.AggregateExpr, samples: Samples, at_s: float) -> Vector:
    over = evaluate(expr.expr, samples, at_s)
    assert isinstance(over, dict)
    kept = set(expr.modifier.labels) if expr.modifier else set()
    assert expr.modifier is None or expr.modifier.type == ast.AggModifierType.By
    groups: dict[Labels, list[float]] = defaultdict(list)
    for labels, value in over.items():
        groups[frozenset(pair for pair in labels if pair[0] in kept)].append(value)
    return {labels: _AGGREGATES[str(expr.op)](values) for labels, values in groups.items()}


# -- functions --------------------------------------------------------------------------------------------------------


def _call(expr: ast.Call, samples: Samples, at_s: float) -> Vector:
    name = expr.func.name
    if name in ("rate", "increase", "changes"):
        (matrix,) = expr.args
        range_s = matrix.range.total_seconds()
        until_s = at_s - _offset_s(matrix.vector_selector)
        found: Vector = {}
        for labels, points in samples.select(matrix.vector_selector).items():
            within = [point for point in points if until_s - range_s <= point[0] <= until_s]
            value = _changes(within) if name == "changes" else _increase(within, until_s, range_s)
            if value is not None:
                found[_without_name(labels)] = value / range_s if name == "rate" else value
        return found
    if name == "histogram_quantile":
        quantile, over = (evaluate(one, samples, at_s) for one in expr.args)
        assert isinstance(quantile, float)
        assert isinstance(over, dict)
        return _quantiles(quantile, over)
    if name == "absent":
        (selector,) = expr.args
        if evaluate(selector, samples, at_s):
            return {}
        equal = [one for one in selector.matchers.matchers if one.op == ast.MatchOp.Equal]
        return {frozenset((one.name, one.value) for one in equal): 1.0}
    raise NotImplementedError(name)


def _changes(points: list[tuple[float, float]]) -> float | None:
    values = [value for _, value in points]
    return float(sum(a != b for a, b in itertools.pairwise(values))) if values else None


def _increase(points: list[tuple[float, float]], until_s: float, range_s: float) -> float | None:
    """How much a counter rose, resets undone, extrapolated to the ends of the range where samples reach so far."""
    if len(points) < 2:
        return None
    rose = points[-1][1] - points[0][1]
    rose += sum(before[1] for before, after in itertools.pairwise(points) if after[1] < before[1])
    first_s, last_s = points[0][0], points[-1][0]
    to_start, to_end = first_s - (until_s - range_s), until_s - last_s
    sampled = last_s - first_s
    between = sampled / (len(points) - 1)
    if to_start >= between * 1.1:
        to_start = between / 2
    if rose > 0 and points[0][1] >= 0:
        to_start = min(to_start, sampled * points[0][1] / rose)  # a counter was 0 once, and never less
    if to_end >= between * 1.1:
        to_end = between / 2
    return rose * (sampled + to_start + to_end) / sampled


def _quantiles(quantile: float, over: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, value in over.items():
        bound = dict(labels).get("le", "")
        groups[frozenset(pair for pair in labels if pair[0] not in ("le", NAME))].append((float(bound), value))
    return {labels: _quantile(quantile, sorted(buckets)) for labels, buckets in groups.items()}


def _quantile(quantile: float, buckets: list[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if total == 0:
        return math.nan
    rank = quantile * total
    number = next(n for n, (_, count) in enumerate(buckets) if count >= rank)
    if number == len(buckets) - 1:
        return buckets[-2][0]
    start, before = buckets[number - 1] if number else (0.0, 0.0)
    end, count = buckets[number]
    return start + (end - start) * (rank - before) / (count - before)


# -- operators --------------------------------------------------------------------------------------------------------

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else math.nan,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def _binary(expr: ast.BinaryExpr, samples: Samples, at_s: float) -> Vector | float:
    op = str(expr.op)
    left, right = evaluate(expr.lhs, samples, at_s), evaluate(expr.rhs, samples, at_s)
    if isinstance(left, float) and isinstance(right, float):
        return _ARITHMETIC[op](left, right)
    key = _key(expr)
    if op in ("and", "or", "unless"):
        assert isinstance(left, dict)
        assert isinstance(right, dict)
        there = {key(labels) for labels in right}
        if op == "or":
            has = {key(labels) for labels in left}
            return left | {labels: value for labels, value in right.items() if key(labels) not in has}
        return {labels: value for labels, value in left.items() if (key(labels) in there) == (op == "and")}
    if isinstance(left, float):
        assert isinstance(right, dict)
        return {labels: new for labels, value in right.items() if (new := _apply(op, left, value, value)) is not None}
    if isinstance(right, float):
        return _kept(op, {labels: (value, right) for labels, value in left.items()})
    pairs: dict[Labels, tuple[float, float]] = {}
    matching = defaultdict(list)
    for labels, value in right.items():
        matching[key(labels)].append(value)
    for labels, value in left.items():
        for other in matching.get(key(labels), []):
            pairs[labels] = (value, other)
    return _kept(op, pairs)


def _kept(op: str, pairs: dict[Labels, tuple[float, float]]) -> Vector:
    kept: Vector = {}
    for labels, (left, right) in pairs.items():
        value = _apply(op, left, right, left)
        if value is not None:
            kept[labels if op in _COMPARISONS else _without_name(labels)] = value
    return kept


def _apply(op: str, left: float, right: float, kept: float) -> float | None:
    if op in _COMPARISONS:
        return kept if _COMPARISONS[op](left, right) else None
    return _ARITHMETIC[op](left, right)


def _key(expr: ast.BinaryExpr) -> Callable[[Labels], Labels]:
    matching = expr.modifier.matching if expr.modifier else None
    if matching is None:
        return _without_name
    assert matching.type == ast.LabelModifierType.Include
    on = set(matching.labels)
    return lambda labels: frozenset(pair for pair in labels if pair[0] in on)
