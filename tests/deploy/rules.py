"""Alert rules on recorded samples, as `promtool test rules` runs them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import promql_parser as ast
import yaml

from tests.deploy.promql import NAME, Labels, Samples, evaluate

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
TICK_S = 60.0
MEMORY_S = 45 * 60.0
"""What a rule says does not hang on what it said longer ago than this."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str) -> float:
    """`2m`, `1h30m` in seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def rules() -> list[dict[str, Any]]:
    """Every rule, in the order in which Prometheus evaluates a group's."""
    read = yaml.safe_load((PROMETHEUS / "rules.yml").read_text("utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def recorded() -> list[dict[str, Any]]:
    return list(yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text("utf-8"))["tests"])


def series(text: str) -> Labels:
    """`name{label="value"}` as labels."""
    name, _, rest = text.partition("{")
    return frozenset([(NAME, name), *re.findall(r'(\w+)="([^"]*)"', rest)])


def values(text: str) -> list[float | None]:
    """promtool's notation: `1 2`, `0+5x3` (0 5 10 15), `7x2` (7 7 7), `_x3` (three gaps)."""
    found: list[float | None] = []
    for part in text.split():
        start, step, times = re.fullmatch(r"(_|[\d.]+)([+-][\d.]+)?(?:x(\d+))?", part).groups()  # type: ignore[union-attr]
        if start == "_":
            found += [None] * int(times or 1)
        else:
            found += [float(start) + float(step or 0) * n for n in range(int(times or 0) + 1)]
    return found


@dataclass
class Evaluation:
    """What the rules come to on one test's samples."""

    case: dict[str, Any]
    samples: Samples = field(default_factory=Samples)
    rules: list[tuple[dict[str, Any], ast.Expr]] = field(
        default_factory=lambda: [(rule, ast.parse(rule["expr"])) for rule in rules()]
    )

    def __post_init__(self) -> None:
        every_s = seconds(self.case["interval"])
        for one in self.case["input_series"]:
            for n, value in enumerate(values(one["values"])):
                if value is not None:
                    self.samples.add(series(one["series"]), n * every_s, value)

    def value(self, expr: str, at_s: float) -> dict[Labels, float]:
        """An expression's value at a moment, after the rules have been evaluated up to it."""
        active: dict[tuple[str, Labels], float] = {}
        at_tick = Samples(self.samples)
        tick = max(0.0, at_s - MEMORY_S)
        while tick <= at_s:
            at_tick = Samples(self.samples)  # what a rule no longer says is gone at once: Prometheus marks it stale
            for rule, parsed in self.rules:
                self._evaluate(rule, parsed, at_tick, active, tick)
            tick += TICK_S
        found = evaluate(ast.parse(expr), at_tick, at_s)
        assert isinstance(found, dict)
        return found

    def _evaluate(
        self,
        rule: dict[str, Any],
        parsed: ast.Expr,
        samples: Samples,
        active: dict[tuple[str, Labels], float],
        at_s: float,
    ) -> None:
        found = evaluate(parsed, samples, at_s)
        assert isinstance(found, dict)
        if "record" in rule:
            for labels, value in found.items():
                own = {(name, text) for name, text in labels if name != NAME}
                samples.add([*own, (NAME, rule["record"])], at_s, value)
            return
        alert = rule["alert"]
        for key in [key for key in active if key[0] == alert and key[1] not in found]:
            del active[key]
        for labels in found:
            since = active.setdefault((alert, labels), at_s)
            state = "firing" if at_s - since >= seconds(rule.get("for", "0s")) else "pending"
            own = dict(labels) | rule["labels"]
            own |= {NAME: "ALERTS", "alertname": alert, "alertstate": state}
            samples.add(own.items(), at_s, 1.0)
