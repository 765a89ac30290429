"""How well receipts are read: posted share, right share among the posted, by half; names, dates, calibration.

    python bench/receipts.py [PATH] [--errors]

PATH holds one receipt a line with `lines` and `truth`; by default ../shared/data/receipts.jsonl where it exists, else
examples/receipts.jsonl. The even half is the one the rules were written on. --errors lists what was posted wrongly
and what was handed to a person, of the even half only unless --all is given.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import json
import re
import sys
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if "rooms" not in sys.modules:
    _rooms = types.ModuleType("rooms")
    _rooms.__path__ = [str(ROOT)]
    sys.modules["rooms"] = _rooms

from rooms.agents.receipts import judge, read_by_consensus, read_primary  # noqa: E402
from rooms.agents.receipts.amounts import money  # noqa: E402
from rooms.agents.receipts.dates import parse_date  # noqa: E402

EXTRACT_FROM = 0.6
"""Confidence below which the first method hands over to the second, as the workflow's `extract` does."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("path", nargs="?", type=Path, default=default_path())
    options.add_argument("--errors", action="store_true")
    options.add_argument("--all", action="store_true", help="with --errors: of both halves")
    chosen = options.parse_args()
    receipts = [json.loads(line) for line in chosen.path.open(encoding="utf-8")]
    started = time.perf_counter()
    results = [measure(receipt) for receipt in receipts]
    took_ms = (time.perf_counter() - started) * 1000 / max(len(results), 1)
    print(f"{chosen.path}: {len(results)} receipts, {took_ms:.1f} ms each (both methods and the verdict)\n")
    halves = {"even": [r for r in results if r["even"]], "odd": [r for r in results if not r["even"]], "all": results}
    print(
        f"{'':6}{'n':>5}{'posted':>9}{'right of posted':>17}{'read right':>12}{'first':>8}{'second':>8}"
        f"{'company':>9}{'fuzzy':>7}{'date':>7}{'address':>9}{'fuzzy':>7}"
    )
    for name, half in halves.items():
        if half:
            print(row_of(name, half))
    for key, title in (
        ("trust", "trust of the verdict"),
        ("first_confidence", "confidence of the first method"),
        ("second_confidence", "confidence of the second method"),
    ):
        print_calibration(results, key, title)
    if chosen.errors:
        print_errors(results if chosen.all else halves["even"])


def default_path() -> Path:
    sample = ROOT.parent / "shared" / "data" / "receipts.jsonl"
    return sample if sample.exists() else ROOT / "examples" / "receipts.jsonl"


def measure(receipt: dict[str, Any]) -> dict[str, Any]:
    truth = receipt["truth"]
    first, second = read_primary(receipt["lines"]), read_by_consensus(receipt["lines"])
    reading, other = first, second
    if first.total is None or first.confidence < EXTRACT_FROM:
        reading, other = second, first
    verdict = judge(reading, other)
    total = money(truth["total"])
    date = parse_date(truth["date"]) if truth["date"] else None
    number = int(re.sub(r"\D", "", receipt["receipt_id"]) or 0)
    return {
        "id": receipt["receipt_id"],
        "even": number % 2 == 0,
        "post": verdict.post,
        "right": reading.total == total,
        "trust": verdict.trust,
        "trust_right": reading.total == total,
        "first_confidence": first.confidence,
        "first_confidence_right": first.total == total,
        "second_confidence": second.confidence,
        "second_confidence_right": second.total == total,
        "company": same(reading.company, truth["company"]),
        "company_fuzzy": alike(reading.company, truth["company"]),
        "date": reading.date == date,
        "address": same(reading.address, truth["address"]),
        "address_fuzzy": alike(reading.address, truth["address"]),
        "story": f"read {reading.total}, truth {truth['total']}; trust {verdict.trust}; first {first.total} "
        f"({first.confidence}), second {second.total} ({second.confidence}); {'; '.join(verdict.why)}; "
        f"{first.evidence.get('doubts')}",
    }


def letters(text: str | None) -> str:
    return re.sub(r"[^A-Z0-9]", "", (text or "").upper())


def same(read: str | None, truth: str | None) -> bool:
    return letters(read) == letters(truth)


def alike(read: str | None, truth: str | None) -> bool:
    return difflib.SequenceMatcher(None, letters(read), letters(truth), autojunk=False).ratio() >= 0.85


def row_of(name: str, half: list[dict[str, Any]]) -> str:
    posted = [result for result in half if result["post"]]

    def share(key: str, of: list[dict[str, Any]] = half) -> str:
        return f"{sum(result[key] for result in of) / len(of):.1%}" if of else "-"

    return (
        f"{name:6}{len(half):>5}{share('post'):>9}{share('right', posted):>17}{share('right'):>12}"
        f"{share('first_confidence_right'):>8}{share('second_confidence_right'):>8}{share('company'):>9}"
        f"{share('company_fuzzy'):>7}{share('date'):>7}{share('address'):>9}{share('address_fuzzy'):>7}"
    )


def print_calibration(results: list[dict[str, Any]], key: str, title: str) -> None:
    print(f"\n{title}: said, receipts, right (even / odd)")
    bounds = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01]
    for low, high in itertools.pairwise(bounds):
        shelf = [result for result in results if low <= result[key] < high]
        if shelf:
            said = sum(result[key] for result in shelf) / len(shelf)
            right = sum(result[f"{key}_right"] for result in shelf) / len(shelf)
            sides = [[result for result in shelf if result["even"] is even] for even in (True, False)]
            split = " / ".join(f"{sum(result[f'{key}_right'] for result in side)} of {len(side)}" for side in sides)
            print(f"  {low:4.2f}-{min(high, 1.0):4.2f}  {said:6.1%} {len(shelf):5}  {right:6.1%}  ({split})")


def print_errors(results: list[dict[str, Any]]) -> None:
    for title, shelf in (
        ("posted wrongly", [r for r in results if r["post"] and not r["right"]]),
        ("handed to a person", [r for r in results if not r["post"]]),
    ):
        print(f"\n{title}:")
        for result in shelf:
            print(f"  {result['id']}: {result['story']}")


if __name__ == "__main__":
    main()
