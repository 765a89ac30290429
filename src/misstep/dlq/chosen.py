"""Letters that somebody named by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from misstep.errors import AnswerIsNo, UsageError
from misstep.store.connect import Connection
from misstep.store.letters import ID_MAX, Letter, namespaces_of, read_letters


def letter_named(connection: Connection, namespace: str, number: int) -> Letter:
    """One letter. AnswerIsNo when there is none of that number, or it is in another namespace."""
    return letters_named(connection, namespace, [number])[0]


def letters_named(connection: Connection, namespace: str, numbers: Sequence[int]) -> list[Letter]:
    """Letters in the order of their numbers. AnswerIsNo, naming the first that is not there or is somebody else's."""
    for number in numbers:
        if not 0 < number <= ID_MAX:
            raise UsageError(f"{number} is no letter's number; `misstep dlq ls` shows them.")
    found = read_letters(connection, namespace, numbers)
    missing = set(numbers) - {one.id for one in found}
    if missing:
        first = min(missing)
        elsewhere = namespaces_of(connection, [first]).get(first)
        if elsewhere is not None:
            raise AnswerIsNo(
                f"Letter {first} is in namespace {elsewhere}, not in {namespace}; set MISSTEP_NAMESPACE or --namespace."
            )
        raise AnswerIsNo(
            f"There is no letter {first} in namespace {namespace}; `misstep dlq ls` shows those there are."
        )
    return found
