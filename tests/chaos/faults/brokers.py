"""Faults of brokers and controllers."""

from __future__ import annotations

import random

from misstep.testing.chaos import Fault
from misstep.testing.chaos.node import Node
from tests.chaos.site import Site


class _OneNode(Fault[Site]):
    touches = frozenset({"brokers"})
    seconds = 9.0
    node: Node | None = None

    def whom(self, site: Site, chance: random.Random) -> Node:
        return chance.choice(list(site.cluster.nodes.values()))

    def start(self, site: Site, chance: random.Random) -> str:
        self.node = self.whom(site, chance)
        self.hit(self.node)
        return f"node {self.node.number}"

    def hit(self, node: Node) -> None:
        node.kill()

    def end(self, site: Site) -> None:
        if self.node is not None:
            self.node.thaw()
            self.node.start()
            self.node.await_ready()


class KillBroker(_OneNode):
    name = "kill-broker"
    what = "kill -9 of a broker, started again later"


class KillController(_OneNode):
    name = "kill-controller"
    what = "kill -9 of the active controller"

    def whom(self, site: Site, chance: random.Random) -> Node:
        return site.cluster.controller()


class KillTransactionCoordinator(_OneNode):
    name = "kill-txn-coordinator"
    what = "kill -9 of the broker that coordinates a worker's transactions"

    def whom(self, site: Site, chance: random.Random) -> Node:
        worker = chance.choice(site.workers)
        return site.cluster.transaction_coordinator(f"{site.namespace}.{worker.slot}-0")


class FreezeBroker(_OneNode):
    name = "freeze-broker"
    what = "SIGSTOP of a broker until others lead its partitions, then SIGCONT"

    def hit(self, node: Node) -> None:
        node.freeze()


class RollingRestart(Fault[Site]):
    name = "rolling-restart"
    what = "every broker stopped cleanly and started again, one after the other"
    touches = frozenset({"brokers"})
    seconds = 0.0

    def start(self, site: Site, chance: random.Random) -> str:
        nodes = list(site.cluster.nodes.values())
        chance.shuffle(nodes)
        for node in nodes:
            node.stop()
            node.start()
            node.await_ready()
            site.cluster.await_whole()
        return f"nodes {', '.join(str(node.number) for node in nodes)}"

    def end(self, site: Site) -> None:
        for node in site.cluster.nodes.values():
            node.start()
            node.await_ready()


class LoseQuorum(Fault[Site]):
    name = "lose-quorum"
    what = "kill -9 of two brokers at once: no controller, too few copies to write"
    touches = frozenset({"brokers"})
    seconds = 7.0
    lost: tuple[Node, ...] = ()
    HOW_MANY = 2

    def start(self, site: Site, chance: random.Random) -> str:
        self.lost = tuple(chance.sample(list(site.cluster.nodes.values()), self.HOW_MANY))
        for node in self.lost:
            node.kill()
        return f"nodes {', '.join(str(node.number) for node in self.lost)}"

    def end(self, site: Site) -> None:
        for node in self.lost:
            node.start()
        for node in self.lost:
            node.await_ready()


class LoseAll(LoseQuorum):
    name = "lose-all-brokers"
    what = "kill -9 of all three brokers at once"
    seconds = 4.0
    HOW_MANY = 3
