"""Faults of our own processes: killed, frozen, coming and going."""

from __future__ import annotations

import random
from abc import abstractmethod

from misstep.testing.chaos import Fault
from tests.chaos.running import Running
from tests.chaos.site import Site


class KillWorkers(Fault[Site]):
    name = "kill-workers"
    what = "kill -9 of workers, one after the other, restarted in their slots at once"
    touches = frozenset({"workers"})
    seconds = 12.0

    def start(self, site: Site, chance: random.Random) -> str:
        chance.choice(site.workers).kill_children()
        return "worker-a and worker-b, as the seed has it"

    def during(self, site: Site, chance: random.Random) -> None:
        if chance.random() < 0.3:
            chance.choice(site.workers).kill_children()

    def end(self, site: Site) -> None:
        return


class LoseWorker(Fault[Site]):
    name = "lose-worker"
    what = "kill -9 of a worker and of its supervisor: others take its partitions over; it comes back later"
    touches = frozenset({"workers"})
    seconds = 11.0
    lost: Running | None = None

    def start(self, site: Site, chance: random.Random) -> str:
        self.lost = chance.choice(site.workers)
        self.lost.kill()
        return self.lost.name

    def end(self, site: Site) -> None:
        if self.lost is not None:
            self.lost.start()


class _Frozen(Fault[Site]):
    """SIGSTOP of what a run supervises, past every session and transaction time-out; then SIGCONT."""

    seconds = 14.0
    frozen: Running | None = None

    @abstractmethod
    def whom(self, site: Site, chance: random.Random) -> Running:
        """Who is frozen."""

    def start(self, site: Site, chance: random.Random) -> str:
        self.frozen = self.whom(site, chance)
        self.frozen.freeze()
        return self.frozen.name

    def end(self, site: Site) -> None:
        if self.frozen is not None:
            self.frozen.thaw()


class FreezeWorker(_Frozen):
    name = "freeze-worker"
    what = "SIGSTOP of a worker until others have its partitions, then SIGCONT: the zombie must not write"
    touches = frozenset({"workers"})

    def whom(self, site: Site, chance: random.Random) -> Running:
        return chance.choice(site.workers)


class FreezeCoordinator(_Frozen):
    name = "freeze-coordinator"
    what = "SIGSTOP and SIGCONT of the coordinator, while another takes its place"
    touches = frozenset({"coordinator"})

    def whom(self, site: Site, chance: random.Random) -> Running:
        site.run("coordinator-2", "--only", "coordinator")
        return site.runs["coordinator"]

    def end(self, site: Site) -> None:
        super().end(site)
        site.stop("coordinator-2")


class FreezeSink(_Frozen):
    name = "freeze-sink"
    what = "SIGSTOP and SIGCONT of the audit sink, while another takes its place"
    touches = frozenset({"sink", "postgres"})

    def whom(self, site: Site, chance: random.Random) -> Running:
        site.run("sink-2", "--only", "sink")
        return site.runs["sink"]

    def end(self, site: Site) -> None:
        super().end(site)
        site.stop("sink-2")


class KillCoordinator(Fault[Site]):
    name = "kill-coordinator"
    what = "kill -9 of the coordinator, every few seconds"
    touches = frozenset({"coordinator"})
    seconds = 8.0

    def start(self, site: Site, chance: random.Random) -> str:
        site.runs["coordinator"].kill_children()
        return "coordinator"

    def during(self, site: Site, chance: random.Random) -> None:
        if chance.random() < 0.4:
            site.runs["coordinator"].kill_children()

    def end(self, site: Site) -> None:
        return


class KillSink(Fault[Site]):
    name = "kill-sink"
    what = "kill -9 of the audit sink, every few seconds"
    touches = frozenset({"sink"})
    seconds = 8.0

    def start(self, site: Site, chance: random.Random) -> str:
        site.runs["sink"].kill_children()
        return "sink"

    def during(self, site: Site, chance: random.Random) -> None:
        if chance.random() < 0.4:
            site.runs["sink"].kill_children()

    def end(self, site: Site) -> None:
        return


class RebalanceStorm(Fault[Site]):
    name = "rebalance-storm"
    what = "workers join and leave every second, drained or killed"
    touches = frozenset({"workers"})
    seconds = 14.0
    GUESTS = 3

    def start(self, site: Site, chance: random.Random) -> str:
        self.turn = 0
        self._next(site, chance)
        return f"{self.GUESTS} guests in slots of their own"

    def during(self, site: Site, chance: random.Random) -> None:
        self._next(site, chance)

    def _next(self, site: Site, chance: random.Random) -> None:
        name = f"guest-{self.turn % self.GUESTS}"
        self.turn += 1
        guest = site.runs.get(name)
        if guest is None or not guest.alive():
            site.run(name, "--only", "agents", "--no-coordinator")
        elif chance.random() < 0.5:
            guest.kill()
        else:
            guest.ask_to_end()

    def end(self, site: Site) -> None:
        for number in range(self.GUESTS):
            site.stop(f"guest-{number}")
