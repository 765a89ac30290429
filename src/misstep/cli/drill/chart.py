"""A drill's plot, as SVG: bars side by side, or lines over time. No more than that, so no library for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final, Protocol

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 64, 64
COLOURS: Final = ("#3b6ea5", "#c8553d", "#588157", "#8f6bb3", "#d19a1f", "#5f6c72")
TICKS = 5
POINTS_MAX = 2_000


class Chart(Protocol):
    """Something to look at."""

    def svg(self) -> str:
        """The whole file."""
        ...


@dataclass(frozen=True, slots=True)
class Bars:
    """Groups of bars: one group a label, one bar a series."""

    title: str
    unit: str
    series: Sequence[str]
    groups: Sequence[tuple[str, Sequence[float]]]
    """(label, one value a series)."""

    def svg(self) -> str:
        top = _above(max((value for _, values in self.groups for value in values), default=1.0))
        parts = [*_frame(self.title, self.series, "", self.unit, 0, 0, top)]
        room = (WIDTH - LEFT - RIGHT) / max(1, len(self.groups))
        wide = room * 0.7 / max(1, len(self.series))
        for place, (label, values) in enumerate(self.groups):
            begin = LEFT + room * place + room * 0.15
            for number, value in enumerate(values):
                x, y = begin + wide * number, _y(value, top)
                parts.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide * 0.92:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" '
                    f'fill="{_colour(number)}"/>'
                )
                parts.append(_text(x + wide * 0.46, y - 4, _number(value), "middle", 11))
            parts.append(_text(LEFT + room * (place + 0.5), HEIGHT - BOTTOM + 18, label, "middle", 12))
        return _file(parts)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over time, with stretches of it marked."""

    title: str
    x_title: str
    unit: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    marked: Sequence[tuple[float, float, str]] = ()
    """(from, to, what was going on)."""
    dots: bool = False
    """Points, not lines: one for each case."""

    def svg(self) -> str:
        points = [point for line in self.lines.values() for point in line] or [(0.0, 0.0)]
        first, last = min(x for x, _ in points), max(x for x, _ in points)
        first, last = min(first, 0.0), max(last, first + 1e-9)
        top = _above(max(y for _, y in points))

        def at(x: float) -> float:
            return LEFT + (WIDTH - LEFT - RIGHT) * (min(max(x, first), last) - first) / (last - first)

        parts = []
        for begin, end, label in self.marked:
            parts.append(
                f'<rect x="{at(begin):.1f}" y="{TOP}" width="{max(1.0, at(end) - at(begin)):.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}" fill="#f3e3dc"/>'
            )
            parts.append(_text(at(begin) + 4, TOP + 14, label, "start", 11))
        parts += _frame(self.title, list(self.lines), self.x_title, self.unit, first, last, top)
        for number, line in enumerate(self.lines.values()):
            shown = line[:: max(1, math.ceil(len(line) / POINTS_MAX))]
            if self.dots:
                parts += [
                    f'<circle cx="{at(x):.1f}" cy="{_y(y, top):.1f}" r="1.8" fill="{_colour(number)}"/>'
                    for x, y in shown
                ]
            else:
                path = " ".join(f"{at(x):.1f},{_y(y, top):.1f}" for x, y in shown)
                parts.append(f'<polyline points="{path}" fill="none" stroke="{_colour(number)}" stroke-width="1.8"/>')
        return _file(parts)


def write_chart(chart: Chart, file: Path) -> None:
    """Write it; its directory is made if it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(chart.svg(), "utf-8")


def _frame(
    title: str, series: Sequence[str], x_title: str, unit: str, first: float, last: float, top: float
) -> list[str]:
    parts = [_text(LEFT, 26, title, "start", 16, bold=True)]
    x = float(LEFT)
    for number, name in enumerate(series):
        parts.append(f'<rect x="{x:.0f}" y="38" width="10" height="10" fill="{_colour(number)}"/>')
        parts.append(_text(x + 15, 47, name, "start", 12))
        x += 15 + 7.2 * len(name) + 20
    for tick in range(TICKS + 1):
        value = top * tick / TICKS
        y = _y(value, top)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 8, y + 4, _number(value), "end", 11))
    if last > first:
        step = _above((last - first) / TICKS)
        for number in range(math.ceil(first / step), math.floor(last / step) + 1):
            x = LEFT + (WIDTH - LEFT - RIGHT) * (number * step - first) / (last - first)
            parts.append(_text(x, HEIGHT - BOTTOM + 18, _number(number * step), "middle", 11))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_title, "middle", 12))
    parts.append(_text(LEFT - 8, TOP - 9, unit, "end", 11))
    return parts


def _file(parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, sans-serif" fill="#222222">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, anchor: str, size: int, *, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}>{escape(text)}</text>'


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value, 0.0), top) / top


def _above(most: float) -> float:
    """A round number that is at least `most`."""
    if most <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(most))
    return next(size * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if size * step >= most * 0.9999)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _number(value: float) -> str:
    if value and abs(value) < 10:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1_000 else f"{value:.1f}"
