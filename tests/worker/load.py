"""A steady load of cases with known ids, while something else is being broken."""

import random
import threading
import time
from collections.abc import Callable

from misstep.bus.publish import CasePublisher
from misstep.contracts import Contract
from tests.worker.conftest import Site
from tests.worker.score import Order

WAYS = [
    {},
    {},
    {},
    {},
    {"read": ["rubric_fail"]},
    {"price": ["model_down", "ok"]},
    {"price": ["nap"]},
    {"finish": ["nap"]},
    {"finish": ["rubric_fail"]},
    {"read": ["bug"]},
]


class Load:
    """Publishes `per_second` cases until stopped; some of them fail, wait or are handed over."""

    def __init__(
        self,
        site: Site,
        per_second: int,
        seed: int,
        make: Callable[[int, random.Random], Contract] | None = None,
        *,
        first: int = 0,
    ) -> None:
        """make: a case from its number; an order that goes one of WAYS, if left out. first: the first case's number."""
        self._publisher = CasePublisher(site.kafka, site.topics, site.plan.starts)
        self._make = make or (lambda number, chance: Order(number=number, script=chance.choice(WAYS)))
        self._random = random.Random(seed)
        self._per_second = per_second
        self._first = first
        self._stop = threading.Event()
        self.ids: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        number = 0
        while not self._stop.is_set():
            while number < (time.monotonic() - began) * self._per_second:
                order = self._make(self._first + number, self._random)
                case = f"case-{self._first + number}"
                self._publisher.publish(case, order.model_dump_json().encode())
                self.ids.add(case)
                number += 1
            time.sleep(0.01)

    def stop(self) -> set[str]:
        """End the load; the ids of all that was acknowledged."""
        self._stop.set()
        self._thread.join()
        assert self._publisher.flush() == 0
        assert not self._publisher.failed
        return self.ids
