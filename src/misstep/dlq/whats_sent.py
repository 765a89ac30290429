"""What a plan has sent: noted after each transaction, found out after a crash, given back when it is abandoned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from misstep.bus.ops import read_ops
from misstep.dlq.actor import Actor
from misstep.dlq.sending import Sender
from misstep.errors import AnswerIsNo
from misstep.store.connect import Connection
from misstep.store.letters import Letter, add_to_trail, read_letters
from misstep.store.redrive_plans import SENT, StoredPlan, counts_of, end_replay, note_epochs, note_letters
from misstep.store.returns import give_up, mark_sent, unsent_of_plan

REDRIVE: Final = "redrive"
"""The action's name in `{ns}.ops`."""


@contextmanager
def alone(connection: Connection, stored: StoredPlan) -> Iterator[None]:
    """While the block lasts, nobody else replays or abandons this plan. AnswerIsNo when somebody does."""
    key = f"misstep.redrive.{stored.id}"
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
    if not row or not row[0]:
        since = f" since {stored.started_at:%Y-%m-%d %H:%M:%S}" if stored.started_at else ""
        raise AnswerIsNo(f"Plan {stored.id} is being replayed by {stored.actor or 'somebody'}{since}; wait for that.")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def recover(connection: Connection, bootstrap: str, stored: StoredPlan) -> int:
    """Find out what an earlier replay had sent without getting to note it. Returns how many letters that were.

    Only after the plan's transactional id was opened anew: what was under way is then committed or will never be.
    """
    unsent = {one.letter: one for one in unsent_of_plan(connection, stored.id)}
    if not unsent:
        return 0
    found = {
        said["letter"]: said
        for said in read_ops(bootstrap, stored.namespace, min(one.ops_from for one in unsent.values()))
        if said.get("action") == REDRIVE and said.get("plan") == stored.id and said.get("letter") in unsent
    }
    letters = {one.id: one for one in read_letters(connection, stored.namespace, list(found))}
    steps = {
        number: step_of(said, Actor(str(said.get("actor")), str(said.get("reason"))), str(said.get("at")))
        for number, said in found.items()
    }
    note_sent(connection, stored, letters, steps)
    return len(found)


def abandon(connection: Connection, bootstrap: str, stored: StoredPlan) -> tuple[int, int]:
    """Give a plan up: what it has claimed and not sent is free again. Returns how many letters were sent, and freed."""
    Sender(bootstrap, transactional_id(stored))  # a replay that stands still somewhere can commit nothing any more
    recover(connection, bootstrap, stored)
    freed = give_up(connection, stored.id)
    end_replay(connection, stored.id, ending="abandoned", stopped=stored.stopped)
    return counts_of(connection, stored.id)["sent"], freed


def note_sent(
    connection: Connection,
    stored: StoredPlan,
    letters: Mapping[int, Letter],
    steps: Mapping[int, Mapping[str, object]],
) -> None:
    """Write down that letters were sent: in the plan, in their trails, and for whoever wants to bring the case back."""
    with connection.transaction():
        lives = [(one.case_id, one.epoch + 1) for one in letters.values()]
        mark_sent(connection, stored.namespace, stored.workflow, lives)
        note_letters(connection, stored.id, list(letters), SENT)
        note_epochs(connection, stored.id, {number: one.epoch + 1 for number, one in letters.items()})
        add_to_trail(connection, steps, close=True)


def step_of(said: Mapping[str, object], actor: Actor, at: str) -> dict[str, object]:
    """A letter's trail entry."""
    step = {"did": "redriven", "at": at, "by": actor.name, "because": actor.reason}
    return {**step, **{name: said.get(name) for name in ("plan", "repair", "epoch")}}


def true_case_id(letter: Letter) -> str:
    """The case's id as it is in Kafka; the audit cuts long ones."""
    said = letter.header_map.get("dlq_caseid")
    return said.decode("utf-8", "replace") if said else letter.case_id


def transactional_id(stored: StoredPlan) -> str:
    """The plan's own: whoever opens it shuts out whoever had it before."""
    return f"{stored.namespace}.redrive.{stored.id}"
