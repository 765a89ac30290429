"""A broker whose disk is full."""

from __future__ import annotations

import random

from misstep.testing.chaos import Fault, NotHere
from tests.chaos.site import SMALL_NODE, Site


class DiskFull(Fault[Site]):
    name = "disk-full"
    what = "no byte is free on a broker's disk; it is given room and started again later"
    touches = frozenset({"brokers"})
    seconds = 9.0

    def start(self, site: Site, chance: random.Random) -> str:
        if site.disk.why_not:
            raise NotHere(site.disk.why_not)
        site.disk.fill()
        return f"node {SMALL_NODE}"

    def end(self, site: Site) -> None:
        if site.disk.why_not:
            return
        site.disk.empty()
        node = site.cluster.nodes[SMALL_NODE]
        if node.pid is None:
            site.say(f"         node {SMALL_NODE} had given up")
        else:
            node.stop()  # one that lives has closed its log directory, and opens it again at a start alone
        node.start()
        node.await_ready()
