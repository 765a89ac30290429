"""From measured costs to how much of everything a load needs: plain multiplication, no simulation.

Every figure of docs/scaling.md that is not measured or simulated is made here, so that it can be made again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import chain
from model import Costs

PEAK: Final = 2.0
"""The busiest minutes beside the average."""
WORKED: Final = 0.6
"""Share of its time that an interpreter, a core or a sink is planned to work: the rest is for catching up."""
REPLICAS: Final = 3
BROKER_CORES: Final = 8
WORKER_CORES: Final = 8
"""Of a machine: a worker process for each core but one, which the Kafka client's threads share."""
POSTGRES_CORES: Final = 16
POSTGRES_WORKED: Final = 0.5
POSTGRES_MB_S: Final = 200.0
"""That a server's disk is planned to write, at the peak; every row twice: in the log and in its place."""
POSTGRES_TB: Final = 20.0
"""That a server is planned to hold: more takes too long to restore."""
PARTITIONS_A_WORKER: Final = 2
"""So that twice the workers find work without new partitions: a topic's partitions cannot be taken back."""
EVENTS_A_CASE: Final = chain.AGENTS + 2
KAFKA_DAYS: Final = 7
POSTGRES_DAYS: Final = 30


@dataclass(frozen=True)
class Needs:
    """What a load needs. Rates are those of the busiest minutes, storage that of the average."""

    name: str
    cases_s: float
    """On average."""
    events_s: float
    """At the peak."""
    turns_s: float
    workers: int
    worker_machines: int
    partitions: int
    brokers: int
    sinks: int
    postgres: int
    kafka_tb: float
    """All replicas, `KAFKA_DAYS` days, zstd."""
    kafka_plain_tb: float
    postgres_tb_a_day: float
    """Rows and indices."""

    @property
    def postgres_tb(self) -> float:
        """`POSTGRES_DAYS` days."""
        return self.postgres_tb_a_day * POSTGRES_DAYS


def needs(name: str, cases_s: float, costs: Costs, measured: dict[str, Any]) -> Needs:
    """Of so many cases a second on average."""
    peak = cases_s * PEAK
    turns, events = peak * chain.AGENTS, peak * EVENTS_A_CASE
    workers = math.ceil(turns * costs.python_turn / WORKED)
    idle = measured["costs"]["trickle"]["idle_us_a_second"]["broker"] / 1e6
    broker_cores = (REPLICAS * turns * costs.broker_turn + workers * idle) / WORKED
    sinks = math.ceil(events * (costs.sink_row + costs.postgres_row) / WORKED)
    audit, storage = measured["audit"], measured["storage"]
    row_bytes = audit["bytes_a_row"] + audit["index_bytes_a_row"]
    events_a_day = cases_s * EVENTS_A_CASE * 86_400
    rows_tb = events_a_day * row_bytes / 1e12
    postgres = max(
        events * costs.postgres_row / (POSTGRES_CORES * POSTGRES_WORKED),
        2 * events * row_bytes / 1e6 / POSTGRES_MB_S,
        rows_tb * POSTGRES_DAYS / POSTGRES_TB,
    )
    kept = events_a_day * KAFKA_DAYS * REPLICAS / 1e12
    return Needs(
        name=name,
        cases_s=cases_s,
        events_s=events,
        turns_s=turns,
        workers=workers,
        worker_machines=math.ceil(workers / (WORKER_CORES - 1)),
        partitions=max(2, 2 ** math.ceil(math.log2(max(1, workers * PARTITIONS_A_WORKER)))),
        brokers=max(REPLICAS, math.ceil(broker_cores / BROKER_CORES)),
        sinks=sinks,
        postgres=math.ceil(postgres),
        kafka_tb=kept * storage["zstd"],
        kafka_plain_tb=kept * storage["none"],
        postgres_tb_a_day=rows_tb,
    )
