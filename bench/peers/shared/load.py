"""The saga's load, the same for every contestant, and the loop that measures a peer in its own process.

Of 100 cases 90 pass, 5 fail once at the second step and pass then, 3 fail at the fourth for good, 2 break the contract.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

WARM_UP = 40
AT_ONCE = 64
"""Cases under way at the same time in a burst."""

failed_at: dict[int, float] = {}
"""When the fourth step refused a case, by its number."""
_tried: set[int] = set()


def kind_of(number: int) -> str:
    """pass, transient, refused or invalid; spread evenly over any hundred cases."""
    place = number * 37 % 100
    return "pass" if place < 90 else "transient" if place < 95 else "refused" if place < 98 else "invalid"


def case(number: int) -> dict[str, Any]:
    """The case's input."""
    kind = kind_of(number)
    return {"number": number, "kind": kind, "amount": -1 if kind == "invalid" else 10 + number % 90}


def first_time(number: int) -> bool:
    """Whether this case's transient failure is still to come; afterwards it has been."""
    if number in _tried:
        return False
    _tried.add(number)
    return True


def failing(number: int) -> None:
    """The fourth step refuses a case, now."""
    failed_at[number] = time.time()


def percentiles(took_ms: list[float]) -> dict[str, float]:
    """How many, p50 and p99."""
    ordered = sorted(took_ms)
    if not ordered:
        return {"n": 0}
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return {"n": len(ordered), "p50": round(p50, 1), "p99": round(p99, 1)}


async def measure(run_case: Callable[[int], Awaitable[str]], arguments: list[str]) -> None:
    """`burst N`: N cases as fast as they go. `paced RATE SECONDS`: that many a second. Prints one line of JSON."""
    first = int(os.environ.get("RACE_RUN", "0")) * 1_000_000  # ids of earlier runs are taken
    await asyncio.gather(*(run_case(first + 900_000 + number) for number in range(WARM_UP)))
    ends: dict[int, tuple[float, float, str]] = {}

    async def one(number: int, due: float) -> None:
        outcome = await run_case(number)
        ends[number] = (due, time.time(), outcome)

    began = time.time()
    if arguments[0] == "burst":
        places = asyncio.Semaphore(AT_ONCE)

        async def in_turn(number: int) -> None:
            async with places:
                await one(number, time.time())

        await asyncio.gather(*(in_turn(first + number) for number in range(int(arguments[1]))))
    else:
        rate, seconds = float(arguments[1]), float(arguments[2])
        tasks = []
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.time()))
            tasks.append(asyncio.create_task(one(first + number, due)))
        await asyncio.gather(*tasks)
    print(json.dumps(summary(ends, failed_at, began)))
    sys.stdout.flush()


def summary(ends: dict[int, tuple[float, float, str]], failures: dict[int, float], began: float) -> dict[str, Any]:
    """Rate, outcomes and latencies; the first quarter of the load warms up and is left out of the latencies."""
    last = max(end for _, end, _ in ends.values())
    from_then = began + (max(due for due, _, _ in ends.values()) - began) / 4
    whole = [(end - due) * 1000 for due, end, outcome in ends.values() if due > from_then and outcome == "completed"]
    undone = [
        (ends[number][1] - at) * 1000
        for number, at in failures.items()
        if number in ends and ends[number][0] > from_then and ends[number][2] == "compensated"
    ]
    return {
        "cases": len(ends),
        "took_s": round(last - began, 3),
        "cases_per_s": round(len(ends) / (last - began), 1),
        "outcomes": dict(Counter(outcome for _, _, outcome in ends.values())),
        "end_to_end_ms": percentiles(whole),
        "failure_to_compensated_ms": percentiles(undone),
    }
