"""How far a page lay askew on the scanner."""

from __future__ import annotations

from collections.abc import Sequence

Mark = tuple[float, float, float, float]
"""A box: its left edge, its middle height, its right edge and its own height, in pixels."""

_SLOPES = tuple(step / 100 for step in range(-10, 11))
"""Up to 0.1, about six degrees: beyond that nobody's feeder takes the paper."""
_FINE = (-0.005, 0.0, 0.005)
_MAX_BOXES = 600
_MUST_GAIN = 1.12
"""A slope is believed when it lines up this much more than a straight page does."""


def skew_of(marks: Sequence[Mark]) -> float:
    """The slope of the text lines (pixels down per pixel right); 0.0 when the page is straight or it cannot be told.

    Boxes beside each other vote for the slope that would put them on one line; neighbours count more than boxes at
    opposite edges, which a slope of one whole line would line up just as well, with the wrong row.
    """
    pairs = _neighbours(marks)
    if len(pairs) < 4:
        return 0.0
    coarse = max(_SLOPES, key=lambda slope: (_agreement(pairs, slope), -abs(slope)))
    best = max((coarse + step for step in _FINE), key=lambda slope: (_agreement(pairs, slope), -abs(slope)))
    return best if _agreement(pairs, best) > _MUST_GAIN * _agreement(pairs, 0.0) else 0.0


def _neighbours(marks: Sequence[Mark]) -> list[tuple[float, float, float, float]]:
    """Pairs of boxes that may stand on one line: distance right, distance down, letter height, weight."""
    if len(marks) > _MAX_BOXES or not marks:
        return []
    ordered = sorted(marks, key=lambda mark: mark[1])
    heights = sorted(mark[3] for mark in marks)
    height = heights[len(heights) // 2]
    pairs = []
    for at, (left, middle, right, _) in enumerate(ordered):
        for other_left, other_middle, other_right, _ in ordered[at + 1 :]:
            down = other_middle - middle
            if down > 2 * height:
                break
            if other_left > right:
                gap, along, drop = other_left - right, (other_left + other_right - left - right) / 2, down
            elif left > other_right:
                gap, along, drop = left - other_right, (left + right - other_left - other_right) / 2, -down
            else:
                continue
            pairs.append((along, drop, height, height / (height + gap)))
    return pairs


def _agreement(pairs: Sequence[tuple[float, float, float, float]], slope: float) -> float:
    total = 0.0
    for along, drop, height, weight in pairs:
        off = abs(drop - slope * along) / (0.4 * height)
        if off < 1:
            total += weight * (1 - off)
    return total
