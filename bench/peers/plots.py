"""Horizontal bars as SVG, without a library: black on white, so that they read the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, STEP, HEIGHT = 860, 300, 120, 44, 26, 16
OURS, THEIRS, WHISKER = "#1f6f5c", "#9aa5b1", "#33383d"


@dataclass(frozen=True)
class Bar:
    """One line of a plot; `value` None: not measured. `upto` draws a whisker (a p99 behind a p50)."""

    name: str
    value: float | None
    upto: float | None
    ours: bool


def bars(title: str, of: Sequence[Bar], *, logarithmic: bool) -> str:
    """The plot. A logarithmic one says so in its title: its bars begin at the power of ten below the smallest value."""
    shown = [value for bar in of for value in (bar.value, bar.upto) if value]
    least = 10 ** math.floor(math.log10(min(shown))) if shown and logarithmic else 0.0
    most = max(shown, default=1.0)
    height = TOP + STEP * len(of) + 12

    def x(value: float) -> float:
        room = WIDTH - LEFT - RIGHT
        if not logarithmic:
            return LEFT + room * value / most
        return LEFT + room * math.log(max(value, least) / least) / math.log(max(most / least, 1.01))

    label = f"{title} (logarithmic)" if logarithmic else title
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="26" font-size="16" font-weight="bold">{escape(label)}</text>',
    ]
    for number, bar in enumerate(of):
        y = TOP + STEP * number
        middle = y + HEIGHT / 2
        lines.append(f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>')
        if bar.value is None:
            lines.append(f'<text x="{LEFT}" y="{middle + 4}" fill="#777">not measured</text>')
            continue
        end = x(bar.value)
        fill = OURS if bar.ours else THEIRS
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{HEIGHT}" fill="{fill}"/>')
        text = f"{bar.value:,.0f}" if bar.value >= 10 else f"{bar.value:.2g}"
        if bar.upto is not None:
            reach = x(bar.upto)
            lines.append(f'<line x1="{end:.1f}" y1="{middle}" x2="{reach:.1f}" y2="{middle}" stroke="{WHISKER}"/>')
            lines.append(f'<line x1="{reach:.1f}" y1="{y + 3}" x2="{reach:.1f}" y2="{y + 13}" stroke="{WHISKER}"/>')
            text += f" / {bar.upto:,.0f}"
            end = max(end, reach)
        lines.append(f'<text x="{end + 6:.1f}" y="{middle + 4}">{text}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
