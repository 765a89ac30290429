"""Least squares for a handful of unknowns that cannot be negative: a transaction never gives CPU back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

Row = Sequence[float]


def non_negative(rows: Sequence[Row], wanted: Sequence[float]) -> list[float]:
    """x >= 0 for which sum(row * x) comes nearest to what is wanted, each miss weighed as a share of it."""
    width = len(rows[0])
    weighed = [[value / want for value in row] for row, want in zip(rows, wanted, strict=True) if want]
    if not weighed:
        return [0.0] * width
    best: tuple[float, list[float]] | None = None
    for size in range(width + 1):
        for chosen in itertools.combinations(range(width), size):
            found = _solved(weighed, chosen)
            if found is None or min(found, default=0.0) < 0:
                continue
            whole = [0.0] * width
            for place, value in zip(chosen, found, strict=True):
                whole[place] = value
            missed = sum((sum(v * x for v, x in zip(row, whole, strict=True)) - 1) ** 2 for row in weighed)
            if best is None or missed < best[0] - 1e-12:
                best = (missed, whole)
    assert best is not None  # nothing chosen at all is one way
    return best[1]


def _solved(rows: Sequence[Row], chosen: Sequence[int]) -> list[float] | None:
    """The normal equations for some of the unknowns; None when they do not tell them apart."""
    size = len(chosen)
    matrix = [[sum(row[i] * row[j] for row in rows) for j in chosen] + [sum(row[i] for row in rows)] for i in chosen]
    for at in range(size):
        pivot = max(range(at, size), key=lambda line: abs(matrix[line][at]))
        if abs(matrix[pivot][at]) < 1e-15:
            return None
        matrix[at], matrix[pivot] = matrix[pivot], matrix[at]
        for line in range(size):
            if line != at:
                times = matrix[line][at] / matrix[at][at]
                matrix[line] = [a - times * b for a, b in zip(matrix[line], matrix[at], strict=True)]
    return [matrix[at][size] / matrix[at][at] for at in range(size)]
