"""Stretches of a drill's time: what was published in each, what ended, and how long its cases took."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from misstep.cli.drill.report import Figures
from misstep.cli.drill.stage import Stage
from misstep.cli.outcome_summary import percentile


@dataclass(slots=True)
class Phase:
    """From `begin` to `end`, seconds since the epoch."""

    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Phases:
    """The phases of one workflow's cases, in order."""

    def __init__(self, stage: Stage, workflow: str) -> None:
        self._stage = stage
        self._workflow = workflow
        self._phases: list[Phase] = []

    def start(self, name: str) -> None:
        """A new phase begins now, and the one before it ends."""
        now = time.time()
        self.close(now)
        self._phases.append(Phase(name, now, now))

    def close(self, now: float | None = None) -> None:
        """The last phase ends."""
        if self._phases:
            self._phases[-1].end = time.time() if now is None else now

    def __getitem__(self, name: str) -> Phase:
        return next(phase for phase in self._phases if phase.name == name)

    def published(self, name: str) -> list[str]:
        """Cases that were published in a phase."""
        phase = self[name]
        return [case for case, at in self._stage.paces[self._workflow].at.items() if phase.begin <= at < phase.end]

    def spans(self, name: str) -> dict[str, float]:
        """Case -> seconds to its outcome, of those that were published in a phase."""
        took = self._stage.latencies(self._workflow)
        return {case: took[case] for case in self.published(name) if case in took}

    def finished_per_second(self, name: str, window_s: float = 1.0) -> list[float]:
        """How many cases ended in each whole window of a phase, per second."""
        phase, ends = self[name], self._ends()
        windows = int(phase.seconds / window_s)
        edges = [bisect_left(ends, phase.begin + number * window_s) for number in range(windows + 1)]
        return [(after - before) / window_s for before, after in pairwise(edges)]

    def under_way(self, at: float) -> int:
        """How many cases were published and not ended at a moment."""
        return bisect_left(self._begins(), at) - bisect_left(self._ends(), at)

    def line_under_way(self, step_s: float = 0.25) -> list[tuple[float, float]]:
        """(seconds since the drill began, cases under way), for a plot."""
        begin, end = self._phases[0].begin, self._phases[-1].end
        begins, ends = self._begins(), self._ends()
        moments = (begin + number * step_s for number in range(int((end - begin) / step_s) + 1))
        return [(at - begin, float(bisect_left(begins, at) - bisect_left(ends, at))) for at in moments]

    def dots(self) -> list[tuple[float, float]]:
        """(seconds since the drill began, ms to its outcome) of every case, for a plot."""
        at, took = self._stage.paces[self._workflow].at, self._stage.latencies(self._workflow)
        begin = self._phases[0].begin
        return [(at[case] - begin, 1000 * span) for case, span in took.items()]

    def marked(self, *names: str) -> list[tuple[float, float, str]]:
        """Phases as a plot marks them."""
        begin = self._phases[0].begin
        return [(self[name].begin - begin, self[name].end - begin, name) for name in names]

    def figures(self) -> Figures:
        """A row a phase."""
        rows = []
        for phase in self._phases:
            spans = list(self.spans(phase.name).values())
            rows.append(
                (
                    phase.name,
                    phase.seconds,
                    len(self.published(phase.name)),
                    sum(phase.begin <= at < phase.end for at in self._ends()),
                    self.under_way(phase.end),
                    round(1000 * percentile(spans, 0.5)),
                    round(1000 * percentile(spans, 0.99)),
                )
            )
        columns = ("phase", "seconds", "published", "ended", "under way at its end", "p50 ms", "p99 ms")
        return Figures("Cases by phase; times from publication to outcome, by when they were published", columns, rows)

    def _begins(self) -> Sequence[float]:
        return sorted(self._stage.paces[self._workflow].at.values())

    def _ends(self) -> Sequence[float]:
        at = self._stage.paces[self._workflow].at
        first: dict[str, float] = {}
        for one in self._stage.ended(self._workflow):
            if one.case_id in at:
                first.setdefault(one.case_id, one.seen_at)
        return sorted(first.values())
