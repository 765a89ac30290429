"""Chaos: a cluster that can be broken, a reader that records everything, an oracle that says what must hold.

`judge(recording)` is a plain function; the rest gathers what it is given. How the parts go together: tests/chaos.
"""

from misstep.testing.chaos.cluster import Cluster
from misstep.testing.chaos.fault import Fault, NotHere
from misstep.testing.chaos.load import Load, Stream
from misstep.testing.chaos.oracle import judge
from misstep.testing.chaos.proxy import Proxy, Rule
from misstep.testing.chaos.reader import LiveReader, read_final
from misstep.testing.chaos.recording import Effect, Event, Place, Recording, Row, Workflow
from misstep.testing.chaos.schedule import Planned, alone, mixed
from misstep.testing.chaos.violation import RULES, Violation
from misstep.testing.chaos.watch import Watch

__all__ = [
    "RULES",
    "Cluster",
    "Effect",
    "Event",
    "Fault",
    "LiveReader",
    "Load",
    "NotHere",
    "Place",
    "Planned",
    "Proxy",
    "Recording",
    "Row",
    "Rule",
    "Stream",
    "Violation",
    "Watch",
    "Workflow",
    "alone",
    "judge",
    "mixed",
    "read_final",
]
