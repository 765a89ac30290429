"""Faults of our own processes: killed, frozen, coming and going."""

from __future__ import annotations

import random

from misstep.testing.chaos import Fault
from tests.chaos.site import Site


class KillWorkers(Fault[Site]):
    name = "kill-workers"
    what = "kill -9 of workers, one after the other, restarted in their slots"
    touches = frozenset({"workers"})

    def start(self, site: Site, chance: random.Random) -> str:
        self.killed = chance.choice(site.workers).kill_children()
        return "worker-a and worker-b in turns"

    def during(self, site: Site, chance: random.Random) -> None:
        if chance.random() < 0.5:
            self.killed += chance.choice(site.workers).kill_children()

    def end(self, site: Site) -> None:
        return
