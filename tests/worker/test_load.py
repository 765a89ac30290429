"""Ten times the normal load for a while: it queues in Kafka, the worker stays bounded, every case ends once."""

import random
import threading
import time
from pathlib import Path

from misstep.agents.worker.committer import BACKLOG_MAX_TURNS, BATCH_MAX_TURNS
from misstep.agents.worker.reader import BATCH_MAX_MESSAGES
from misstep.agents.worker.worker import Worker
from misstep.bus.progress import UNFINISHED_MAX_MESSAGES, WINDOW_MAX_MESSAGES
from tests.worker.conftest import Site, until
from tests.worker.load import WAYS, Load
from tests.worker.oracle import read_all
from tests.worker.score import Order

NORMAL_PER_S, BURST_PER_S, BURST_S = 40, 400, 8
GROWN_MAX_BYTES = 300 * 1024 * 1024


def resident_bytes() -> int:
    """Memory of this process that is in use."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


def large(number: int, chance: random.Random) -> Order:
    """An order of 2 KB."""
    return Order(number=number, script=chance.choice(WAYS), padding="x" * 2_000)


class Watched:
    """The most that a worker ever held, looked at again and again."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.span = self.open = self.backlog = self.resident = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        gauge = self._worker.metrics.registry.get_sample_value
        while not self._stop.wait(0.02):
            windows = [window for reader in self._worker._readers for window in list(reader._windows.values())]
            self.span = max(self.span, *(window.span for window in windows))
            self.open = max(self.open, *(len(window.open) for window in windows))
            self.backlog = max(self.backlog, int(gauge("misstep_commit_backlog") or 0))
            self.resident = max(self.resident, resident_bytes())

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_a_burst_queues_in_kafka_and_the_worker_stays_bounded(site: Site) -> None:
    with site.hosting() as worker:
        normal = Load(site, NORMAL_PER_S, 1)
        assert until(lambda: len(read_all(site.kafka, [site.topics.outcomes])) > 3 * NORMAL_PER_S)
        ids = normal.stop()
        site.wait_for_outcomes(len(ids))
        before = resident_bytes()
        watched = Watched(worker)
        began_ms = time.time() * 1000
        burst = Load(site, BURST_PER_S, 2, large, first=100_000)
        time.sleep(BURST_S)
        ended_ms = time.time() * 1000
        ids |= burst.stop()
        outcomes = site.wait_for_outcomes(len(ids), 120)
        watched.stop()
        meanwhile = [seen for seen in outcomes if began_ms <= seen.timestamp_ms <= ended_ms]
        late = site.publish([Order(number=number) for number in range(20)], prefix="after")
        site.wait_for_outcomes(len(ids | late), 10)
    log = site.check(ids | late)
    # How fast is measured by the drill `saturation`; here, on a machine that is busy with other tests: not starved.
    assert len(meanwhile) >= NORMAL_PER_S * BURST_S / 4, "far fewer cases were finished than at the normal load"
    assert watched.span <= WINDOW_MAX_MESSAGES
    assert watched.open <= UNFINISHED_MAX_MESSAGES
    assert watched.backlog <= BACKLOG_MAX_TURNS + BATCH_MAX_TURNS + BATCH_MAX_MESSAGES
    assert watched.resident - before < GROWN_MAX_BYTES
    for partition in {seen.partition for seen in log[site.topics.agent("read")]}:
        begun = [seen.text("ce_subject") for seen in log[site.topics.cases] if seen.partition == partition]
        read = [seen.text("ce_subject") for seen in log[site.topics.agent("read")] if seen.partition == partition]
        kept = set(read)
        assert [seen for seen in begun if seen in kept] == read, "a plain agent answers in the order of its input"
