"""How long turns take, counted a batch at a time: the library's histogram takes one observation a call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

BUCKETS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
LABELS = ("workflow", "agent")


class TurnSeconds(Collector):
    """The histogram `misstep_turn_seconds` by workflow and agent. One thread counts; any thread may collect."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], list[int]] = {}
        """For each agent: turns in each bucket and beyond the last, then the sum of their milliseconds."""

    def hosting(self, workflow: str, agent: str) -> None:
        """An agent that has had no turn yet stands there with 0."""
        self._counts.setdefault((workflow, agent), [0] * (len(BUCKETS_MS) + 2))

    def count(self, workflow: str, agent: str, took_ms: int, turns: int) -> None:
        """So many turns took so long, attempts together, waits left out."""
        counts = self._counts.get((workflow, agent))
        if counts is None:
            self.hosting(workflow, agent)
            counts = self._counts[workflow, agent]
        counts[bisect_left(BUCKETS_MS, took_ms)] += turns
        counts[-1] += took_ms * turns

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "misstep_turn_seconds", "Time that a turn's attempts took together, waits left out.", labels=LABELS
        )
        for (workflow, agent), counts in list(self._counts.items()):
            *within, sum_ms = counts
            so_far, buckets = 0, []
            for bound, turns in zip([*(ms / 1000 for ms in BUCKETS_MS), "+Inf"], within, strict=True):
                so_far += turns
                buckets.append((str(bound), so_far))
            family.add_metric([workflow, agent], buckets, sum_ms / 1000)
        yield family
