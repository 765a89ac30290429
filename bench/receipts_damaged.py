"""How the bar of `judge` trades what is posted for what is right, on receipts that were damaged at random.

    python bench/receipts_damaged.py [PATH] [--copies 1]

PATH as for bench/receipts.py. Every receipt is damaged in each way, at each strength, and read again; the same seed
damages alike. For each bar: share posted, share right of the posted. A receipt whose truth says otherwise even when it
is undamaged counts as wrong throughout (3 of the 400).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
from pathlib import Path
from typing import Any

from receipts import EXTRACT_FROM, default_path
from rooms.agents.receipts import judge, read_by_consensus, read_primary
from rooms.agents.receipts.amounts import money

BARS = (0.90, 0.93, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.993)
KINDS = {
    "none": (0.0,),
    "digits misread": (0.003, 0.01, 0.03),
    "letters misread": (0.02, 0.06),
    "boxes lost": (0.03, 0.09),
    "points lost": (0.02, 0.06),
    "boxes shifted": (0.01, 0.02),
    "totals lost": (0.5, 1.0),
    "all of it, weak": (0.003, 0.006),
    "all of it, strong": (0.01, 0.02),
    "an end torn off": (0.3, 0.6),
}
"""Kind of damage -> strengths: the chance of a letter, a digit or a box; at most this share of the height torn off."""
LOOKS_LIKE = {
    "0": "68O9", "1": "7Il4", "2": "7Z", "3": "85", "4": "19", "5": "6S3", "6": "580", "7": "12", "8": "6B30",
    "9": "40g",
}  # fmt: skip
FORBID = frozenset(("the other method disagrees", "arithmetic disagrees", "the date is implausible"))
"""Findings with which nothing is posted, however much it is trusted."""

Lines = list[dict[str, Any]]
Judged = tuple[float, bool, bool]
"""Trust, whether a finding forbids posting, whether the total is right."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("path", nargs="?", type=Path, default=default_path())
    options.add_argument("--copies", type=int, default=1, help="damaged copies of each receipt, kind and strength")
    chosen = options.parse_args()
    receipts = [json.loads(line) for line in chosen.path.open(encoding="utf-8")]
    print(f"{chosen.path}: {len(receipts)} receipts; posted / right of posted, by bar\n")
    print(f"{'':20}" + "".join(f"{bar:>13}" for bar in BARS))
    with multiprocessing.Pool() as pool:
        for kind, strengths in KINDS.items():
            jobs = [
                (receipt, kind, strength, copy)
                for strength in strengths
                for copy in range(chosen.copies if strength else 1)
                for receipt in receipts
            ]
            print(f"{kind:20}{row_of(pool.map(measure, jobs, chunksize=20))}", flush=True)


def row_of(judged: list[Judged]) -> str:
    cells = []
    for bar in BARS:
        right = [is_right for trust, forbidden, is_right in judged if trust >= bar and not forbidden]
        share = sum(right) / len(right) if right else 0.0
        cells.append(f"{len(right) / len(judged):>6.1%}/{share:>6.1%}")
    return "".join(cells)


def measure(job: tuple[dict[str, Any], str, float, int]) -> Judged:
    receipt, kind, strength, copy = job
    rng = random.Random(f"{receipt['receipt_id']}/{kind}/{strength}/{copy}")
    lines = damaged(receipt["lines"], kind, strength, rng)
    first, second = read_primary(lines), read_by_consensus(lines)
    reading, other = first, second
    if first.total is None or first.confidence < EXTRACT_FROM:
        reading, other = second, first
    verdict = judge(reading, other)
    return verdict.trust, not FORBID.isdisjoint(verdict.why), reading.total == money(receipt["truth"]["total"])


def damaged(lines: Lines, kind: str, strength: float, rng: random.Random) -> Lines:
    """The lines with one kind of damage, or with several at once."""
    if kind.startswith("all"):
        for one, times in (("digits misread", 1), ("letters misread", 2), ("boxes lost", 3), ("points lost", 2)):
            lines = damaged(lines, one, strength * times, rng)
        return damaged(lines, "boxes shifted", strength, rng)
    if kind == "an end torn off":
        heights = sorted(box["y"] for box in lines)
        at = round(len(heights) * strength * rng.random())
        if rng.random() < 0.7:
            return [box for box in lines if box["y"] < heights[-1 - at]] if at else lines
        return [box for box in lines if box["y"] > heights[at]] if at else lines
    if kind == "boxes lost":
        return [box for box in lines if rng.random() >= strength]
    if kind == "totals lost":
        return [box for box in lines if "TOTAL" not in box["text"].upper() or rng.random() >= strength]
    if kind == "boxes shifted":
        return [
            {
                **box,
                "x": box["x"] + rng.gauss(0, strength * 200),
                "y": box["y"] + rng.gauss(0, strength * 200),
                "h": box["h"] * (1 + rng.gauss(0, strength * 3)),
            }
            for box in lines
        ]
    return [{**box, "text": "".join(misread(char, kind, strength, rng) for char in box["text"])} for box in lines]


def misread(char: str, kind: str, strength: float, rng: random.Random) -> str:
    if kind == "digits misread" and char.isdigit() and rng.random() < strength:
        return rng.choice(LOOKS_LIKE.get(char, "0") if rng.random() < 0.7 else "0123456789")
    if kind == "letters misread" and char.isalpha() and rng.random() < strength:
        return rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ10.")
    if kind == "points lost" and char == "." and rng.random() < strength:
        return rng.choice(("", " ", ",", " ."))
    return char


if __name__ == "__main__":
    main()
