"""Faults of the network between clients and brokers, by way of the proxies."""

from __future__ import annotations

import random
from abc import abstractmethod
from typing import Literal

from misstep.testing.chaos import Fault, Rule
from tests.chaos.site import Site


class _Imposed(Fault[Site]):
    """A rule that holds for a while."""

    touches = frozenset({"network"})
    seconds = 12.0

    @abstractmethod
    def rule(self, site: Site, chance: random.Random) -> tuple[Rule, str]:
        """The rule, and whom it hits."""

    def start(self, site: Site, chance: random.Random) -> str:
        rule, hit = self.rule(site, chance)
        site.cluster.proxy.impose(self.name, rule)
        return hit

    def end(self, site: Site) -> None:
        site.cluster.proxy.lift(self.name)


class _Silenced(_Imposed):
    way: Literal["both", "to_broker", "from_broker"] = "both"

    def rule(self, site: Site, chance: random.Random) -> tuple[Rule, str]:
        node = chance.choice(list(site.cluster.nodes))
        return Rule(frozenset({node}), silence=self.way), f"clients and node {node}"


class Cut(_Silenced):
    name = "cut-broker"
    what = "the network between clients and a broker is gone, both ways; what was sent arrives later"


class CutRequests(_Silenced):
    name = "cut-requests"
    what = "what clients send to a broker does not arrive; what it sends does"
    way = "to_broker"


class CutAnswers(_Silenced):
    name = "cut-answers"
    what = "what a broker answers does not arrive; what clients send does"
    way = "from_broker"


class Refused(_Imposed):
    name = "refuse-connections"
    what = "a broker's connections are reset, and new ones too"
    seconds = 8.0

    def rule(self, site: Site, chance: random.Random) -> tuple[Rule, str]:
        node = chance.choice(list(site.cluster.nodes))
        return Rule(frozenset({node}), refuse=True), f"clients and node {node}"


class Delayed(_Imposed):
    name = "delay"
    what = "every piece of data is 30 ms late on its way to a broker, and on its way back"
    seconds = 10.0

    def rule(self, site: Site, chance: random.Random) -> tuple[Rule, str]:
        return Rule(delay_s=0.03), "all clients and all nodes"


class IsolatedWorker(_Imposed):
    name = "isolate-worker"
    what = "a worker has no network until others have its partitions; what it had sent arrives after that"
    touches = frozenset({"network", "workers"})
    seconds = 14.0

    def rule(self, site: Site, chance: random.Random) -> tuple[Rule, str]:
        worker = chance.choice(site.workers)
        return Rule(client=f"{site.namespace}.{worker.slot}-0", silence="both"), worker.name


class LostAnswers(Fault[Site]):
    """Answers to requests of some kinds are lost, one or two a second; the connection is reset, at once or late."""

    name = "lose-answers"
    what = "answers to producing, offsets and joining transactions are lost on their way"
    touches = frozenset({"network"})
    seconds = 10.0
    kinds: tuple[int, ...] = (0, 22, 24, 25, 28)
    """Produce, InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit."""

    def start(self, site: Site, chance: random.Random) -> str:
        self.before = site.cluster.proxy.lost
        self._impose(site, chance)
        return f"answers of kinds {', '.join(map(str, self.kinds))}"

    def during(self, site: Site, chance: random.Random) -> None:
        self._impose(site, chance)

    def _impose(self, site: Site, chance: random.Random) -> None:
        rule = Rule(
            client=f"{site.namespace}.", lose=chance.choice(self.kinds), at_most=2, mute_s=chance.choice([0, 0, 5])
        )
        site.cluster.proxy.impose(self.name, rule)

    def end(self, site: Site) -> None:
        site.cluster.proxy.lift(self.name)
        site.say(f"         {site.cluster.proxy.lost - getattr(self, 'before', 0)} answers were lost")


class LostCommitAnswers(LostAnswers):
    name = "lose-commit-answers"
    what = "a broker's answer to a commit is lost: did it happen?"
    kinds = (26,)
