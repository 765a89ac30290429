"""Who writes in whose transactions: a worker has a lane for turns and one for what takes cases back.

An undo then never waits for a transaction of ordinary traffic to end, and is in one that touches few partitions, which
is what a transaction costs.
"""

from __future__ import annotations

from collections.abc import Callable

from misstep.agents.worker.committer import Committer
from misstep.agents.worker.reader import Reader
from misstep.bus.takeover import Takeover


class Lane:
    """A transactional producer, and the readers whose work it commits."""

    def __init__(
        self,
        transactional_id: str,
        takeover: Takeover,
        make_committer: Callable[[str, Callable[[], list[Reader]]], Committer],
    ) -> None:
        """make_committer: from the transactional id, and from who is to be asked for the readers."""
        self.transactional_id = transactional_id
        self.takeover = takeover
        self.readers: list[Reader] = []
        self.committer = make_committer(transactional_id, lambda: self.readers)
