"""Boxes that an OCR read off a receipt, put back into the rows that were printed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .skew import skew_of

MAX_BOXES = 2_000
"""Beyond this a scan is no receipt; what follows is left unread so that time stays bounded."""
MAX_TEXT = 300
"""Characters kept of one box: the longest line on a till roll is about 80."""
_MAX_ROW_BOXES = 40
_REACH = 16
"""How many of the rows opened last may still take a box: skew never spans more on a till roll."""


@dataclass(frozen=True, slots=True)
class Box:
    """One run of text and where it stands on the scan, in pixels."""

    x: float
    y: float
    w: float
    h: float
    text: str

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def middle(self) -> float:
        return self.y + self.h / 2


@dataclass(frozen=True, slots=True)
class Row:
    """Boxes on one printed line, from left to right."""

    index: int
    boxes: tuple[Box, ...]
    text: str
    """What the boxes say, joined by spaces."""

    @property
    def top(self) -> float:
        return min(box.y for box in self.boxes)

    @property
    def bottom(self) -> float:
        return max(box.y + box.h for box in self.boxes)

    @property
    def height(self) -> float:
        heights = sorted(box.h for box in self.boxes)
        return heights[len(heights) // 2]


def rows_of(lines: Iterable[Any]) -> tuple[Row, ...]:
    """The printed rows of a scan, top to bottom; boxes that make no sense are left out, nothing is raised.

    `lines` holds mappings (or objects) with x, y, w, h in pixels and text. Two boxes stand on one row when their
    middles are closer than about half a letter's height; each box is compared with its nearest neighbour of the row,
    not with the row's start, and the page is turned straight before (see `skew`).
    """
    boxes = list(_boxes(lines))
    slope = skew_of([(box.x, box.middle, box.right, box.h) for box in boxes])
    if slope:
        boxes = [replace(box, y=box.y - slope * (box.x + box.w / 2)) for box in boxes]
    boxes.sort(key=lambda box: (box.middle, box.x))
    open_rows: list[list[Box]] = []
    for box in boxes:
        best: list[Box] | None = None
        best_gap = math.inf
        for row in islice(reversed(open_rows), _REACH):
            if box.middle - row[-1].middle > max(box.h, row[-1].h):
                continue  # below it by more than a letter: the common case, decided cheaply
            gap = _misfit(row, box)
            if gap < best_gap:
                best, best_gap = row, gap
        if best is not None and best_gap < 1:
            best.append(box)
        else:
            open_rows.append([box])
    ordered = sorted(open_rows, key=lambda row: sum(box.middle for box in row) / len(row))
    return tuple(_row(index, row) for index, row in enumerate(ordered))


def _row(index: int, boxes: list[Box]) -> Row:
    ordered = tuple(sorted(boxes[:_MAX_ROW_BOXES], key=lambda box: (box.x, box.y)))
    return Row(index, ordered, " ".join(box.text for box in ordered)[:MAX_TEXT])


def _misfit(row: list[Box], box: Box) -> float:
    """How badly a box fits a row: below 1 it stands on it."""
    nearest = min(islice(reversed(row), _REACH), key=lambda other: _apart(other, box))
    apart = _apart(nearest, box)
    if apart < -0.5 * min(nearest.w, box.w):  # one above the other: two rows set tightly, never one
        return math.inf
    # The lower of two heights: a tall box (a logo, a double-height total) must not swallow its neighbours.
    room = 0.55 * min(nearest.h, box.h) + 0.1 * max(nearest.h, box.h)
    return abs(nearest.middle - box.middle) / room if room > 0 else math.inf


def _apart(one: Box, other: Box) -> float:
    """Horizontal gap between two boxes in pixels; negative where they overlap."""
    return max(one.x, other.x) - min(one.right, other.right)


def _boxes(lines: Iterable[Any]) -> Iterable[Box]:
    try:
        source = iter(lines)
    except TypeError:
        return
    for line in islice(source, MAX_BOXES):
        box = _box(line)
        if box is not None:
            yield box


def _box(line: Any) -> Box | None:
    def field(name: str) -> Any:
        return line.get(name) if isinstance(line, Mapping) else getattr(line, name, None)

    text = field("text")
    if not isinstance(text, str):
        return None
    text = " ".join(text[:MAX_TEXT].split())
    x, y, w, h = (_number(field(name)) for name in ("x", "y", "w", "h"))
    if not text or x is None or y is None or w is None or h is None:
        return None
    if w < 0:  # read from the other corner
        x, w = x + w, -w
    if h < 0:
        y, h = y + h, -h
    return Box(x, y, max(w, 1.0), max(h, 1.0), text)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e7 else None
