"""The books: every case that was published has exactly one outcome, and nothing else has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from misstep.cli.outcome_watch import Ended


@dataclass(frozen=True)
class Books:
    """What does not balance; all empty when it does."""

    without_outcome: tuple[str, ...]
    with_several: tuple[str, ...]
    never_published: tuple[str, ...]

    @property
    def balance(self) -> bool:
        return not (self.without_outcome or self.with_several or self.never_published)


def balance_books(published: Collection[str], ended: Sequence[Ended]) -> Books:
    """Compare the cases published with every outcome of the namespace."""
    times = Counter((one.case_id, one.epoch) for one in ended)
    ids = {case_id for case_id, _ in times}
    return Books(
        tuple(sorted(one for one in published if one not in ids)),
        tuple(sorted({case_id for (case_id, _), count in times.items() if count > 1})),
        tuple(sorted(ids.difference(published))),
    )
