"""Letters that nobody will send again: discarded, with a reason, or emptied when they were kept long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from misstep.bus.ops import ops_record, write_ops
from misstep.dlq.actor import Actor
from misstep.dlq.whats_sent import true_case_id
from misstep.store.connect import Connection
from misstep.store.letters import (
    Letter,
    Selection,
    add_to_trail,
    empty_letters,
    ids_kept_since,
    ids_selected,
    read_letters,
)
from misstep.store.returns import returns_of

AT_ONCE: Final = 500


@dataclass
class PutAway:
    """What was put away, and what was not."""

    letters: list[int] = field(default_factory=list)
    not_those: list[tuple[int, str]] = field(default_factory=list)
    """(letter, why not)"""


def discard(connection: Connection, bootstrap: str, wanted: Selection, actor: Actor) -> PutAway:
    """Mark letters as not to be sent again: they leave the listings of those that wait, and nothing is deleted.

    Raises ServerUnreachable when Kafka does not take the record; what was discarded before that stays so.
    """
    done = PutAway()
    ids = ids_selected(connection, wanted)
    for begin in range(0, len(ids), AT_ONCE):
        with connection.transaction():
            batch = ids[begin : begin + AT_ONCE]
            # Held until it is written: a letter that is sent at this moment is not discarded, or not sent.
            connection.execute("SELECT FROM dead_letters WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [batch])
            found = read_letters(connection, wanted.namespace, batch)
            letters = [one for one in found if _may_be(one, connection, wanted, done)]
            _write(connection, bootstrap, wanted.namespace, letters, "discard", "discarded", actor)
        done.letters += [one.id for one in letters]
    return done


def expire(connection: Connection, bootstrap: str, namespace: str, keep_ms: dict[str, int], actor: Actor) -> PutAway:
    """Remove the bytes (key, value, headers) of letters that were kept long enough; what is known of them stays.

    keep_ms: workflow -> how long its letters are kept. Raises ServerUnreachable.
    """
    done = PutAway()
    for workflow, most_ms in keep_ms.items():
        while ids := ids_kept_since(connection, namespace, workflow, most_ms, AT_ONCE):
            with connection.transaction():
                letters = read_letters(connection, namespace, ids)
                _write(connection, bootstrap, namespace, letters, "expire", "emptied", actor)
                empty_letters(connection, ids)
            done.letters += ids
    return done


def _may_be(letter: Letter, connection: Connection, wanted: Selection, done: PutAway) -> bool:
    why = ""
    if letter.state == "discarded":
        last = letter.trail[-1]
        why = f"it was discarded already, by {last.get('by')} on {str(last.get('at'))[:10]}: {last.get('because')}"
    elif letter.closed_at is not None:
        why = f"it was {letter.state} already"
    else:
        life = (letter.case_id, letter.epoch + 1)
        holder = returns_of(connection, wanted.namespace, letter.workflow, [life]).get(life)
        if holder is not None and holder.letter == letter.id:
            why = f"{holder.actor} is sending it back (plan {holder.plan})"
    if why:
        done.not_those.append((letter.id, why))
    return not why


def _write(
    connection: Connection,
    bootstrap: str,
    namespace: str,
    letters: Sequence[Letter],
    action: str,
    did: str,
    actor: Actor,
) -> None:
    at = datetime.now(UTC).isoformat()
    write_ops(
        bootstrap,
        [
            ops_record(
                namespace,
                true_case_id(one),
                action,
                actor=actor.name,
                reason=actor.reason,
                workflow=one.workflow,
                case_id=true_case_id(one),
                epoch=one.epoch,
                letter=one.id,
            )
            for one in letters
        ],
    )
    step = {"did": did, "at": at, "by": actor.name, "because": actor.reason}
    add_to_trail(connection, {one.id: step for one in letters}, close=True)
