"""Replaying a redrive plan: a canary first, then the rest at a pace, each letter once, until too many fail again.

What makes it once: a row in `case_returns` is claimed before a letter is sent (its key decides between two operators);
the letter's event and its record in `{ns}.ops` are one Kafka transaction under the plan's own transactional id; and who
goes on with a plan reads that topic to its end before sending anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from misstep.agents.bring_back import Target, bring_back, failed_turn, with_other_branches
from misstep.agents.earlier import Recall
from misstep.agents.plan import Plan
from misstep.bus.ops import ops_end, ops_record
from misstep.bus.topics import Topics
from misstep.contracts.event import MalformedEvent, Record
from misstep.dlq.actor import Actor
from misstep.dlq.assess import Assessor
from misstep.dlq.last_version import read_stopped
from misstep.dlq.planning import Tried, try_letters
from misstep.dlq.room import DeadLetters
from misstep.dlq.sending import Sender
from misstep.dlq.turn_watch import TurnWatch, ends_of, watched_topics
from misstep.dlq.whats_sent import REDRIVE, note_sent, recover, step_of, transactional_id, true_case_id
from misstep.store.connect import Connection
from misstep.store.letters import Letter, read_letters
from misstep.store.redrive_plans import (
    FAILED_AGAIN,
    REFUSED,
    SENT,
    WENT_WELL,
    PlannedLetter,
    StoredPlan,
    begin_replay,
    counts_of,
    end_replay,
    note_letters,
    planned_letters,
)
from misstep.store.returns import Claimant, Return, claim, returns_of

Awaited = tuple[str, int, str]
"""Case id, new epoch, agent."""
ACT_S: Final = 0.1
"""Pacing sends this much of a second's letters at once."""
AT_ONCE: Final = 100
WINDOW: Final = 1_000
"""Letters sent and not answered, at most: who does not keep up is waited for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a plan is replayed."""

    canary: int = 5
    per_s: float = 50.0
    abort_over: float = 0.1
    """Stop when more than this share of the letters sent fail again."""
    patience_s: float = 60.0
    """Stop when none of the letters sent is answered for this long."""


@dataclass
class Replayed:
    """What came of a replay, this time."""

    plan: str
    sent: int = 0
    went_well: int = 0
    failed_again: int = 0
    refused: int = 0
    recovered: int = 0
    """Sent by an earlier replay that did not get to saying so."""
    unanswered: int = 0
    stopped: str = ""
    """Why it ended before its time; empty: it did not."""
    left: int = 0
    """Letters that would pass and were not sent."""
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    """(letter, reason, detail) of those that failed again."""
    refusals: list[tuple[int, str]] = field(default_factory=list)


class Replay:
    """One replay of one plan. Make it within `alone`."""

    def __init__(
        self,
        connection: Connection,
        bootstrap: str,
        stored: StoredPlan,
        plan: Plan,
        room: DeadLetters,
        assessor: Assessor,
        recall: Recall,
        build: str,
        actor: Actor,
        *,
        seam: Callable[[str], None] = lambda name: None,
        progress: Callable[[Replayed, int], None] = lambda done, of: None,
    ) -> None:
        """progress is told what has been done, and how many letters there were to send this time."""
        self._connection = connection
        self._bootstrap = bootstrap
        self._stored = stored
        self._plan = plan
        self._topics = Topics(stored.namespace, plan.workflow)
        self._repair = room.repairs[stored.repair] if stored.repair else None
        self._assessor = assessor
        self._recall = recall
        self._build = build
        self._actor = actor
        self._seam = seam
        self._progress = progress
        self._claimant = Claimant(stored.namespace, plan.workflow, REDRIVE, actor.name, actor.reason, stored.id)
        self._waiting: dict[Awaited, int] = {}
        """Letters sent and not answered."""
        self._before: dict[Awaited, int] = {}
        """Those that an earlier replay had sent; what comes of them does not count as this one's."""
        self._moved_at = 0.0
        self._of = 0
        self.done = Replayed(stored.id)

    def run(self, pace: Pace) -> Replayed:
        """Send what has not been sent. Raises MisstepError when it cannot go on; it can then be run again."""
        connection, stored = self._connection, self._stored
        starts = stored.watch_from or ends_of(self._bootstrap, watched_topics(self._topics, stored.contracts))
        ops_from = ops_end(self._bootstrap, stored.namespace)
        sender = Sender(self._bootstrap, transactional_id(stored), seam=self._seam)
        begin_replay(connection, stored.id, self._actor.name, self._actor.reason, starts)
        self.done.recovered = recover(connection, self._bootstrap, stored)
        planned = planned_letters(connection, stored.id, verdict="pass")
        self._note_what_was_sent([one.letter for one in planned if one.state == SENT])
        left = [one for one in planned if one.state is None]
        self._of = len(left)
        watch = TurnWatch(self._bootstrap, starts)
        try:
            self._send_all(left, sender, watch, pace, ops_from)
        finally:
            watch.close()
        self.done.left = counts_of(connection, stored.id)["left"]
        self.done.unanswered = len(self._waiting) + len(self._before)
        ending = "done" if not self.done.left and not self.done.unanswered else None
        end_replay(connection, stored.id, ending=ending, stopped=self.done.stopped or None)
        return self.done

    def _send_all(
        self, left: Sequence[PlannedLetter], sender: Sender, watch: TurnWatch, pace: Pace, ops_from: int
    ) -> None:
        self._moved_at = due = time.monotonic()
        canary, rest = left[: pace.canary], left[pace.canary :]
        for batch in _in_batches(canary, AT_ONCE):
            self._send(batch, sender, ops_from)
        if not self._wait(watch, pace, until_left=0):
            return
        for batch in _in_batches(rest, max(1, min(AT_ONCE, int(pace.per_s * ACT_S)))):
            self._send(batch, sender, ops_from)
            due = max(due, time.monotonic() - ACT_S) + len(batch) / pace.per_s
            while (wait_s := due - time.monotonic()) > 0:
                time.sleep(min(wait_s, ACT_S))
            if not self._wait(watch, pace, until_left=WINDOW):
                return
        self._wait(watch, pace, until_left=0, the_earlier_too=True)

    def _wait(self, watch: TurnWatch, pace: Pace, *, until_left: int, the_earlier_too: bool = False) -> bool:
        """Wait until at most so many letters are unanswered; false, and `stopped` says why, when it is to end."""
        while True:
            self._look(watch)
            done = self.done
            if done.failed_again > pace.abort_over * done.sent:
                done.stopped = (
                    f"{done.failed_again} of {done.sent} letters sent failed again, more than {pace.abort_over:.0%}"
                )
                return False
            waiting = {**self._waiting, **(self._before if the_earlier_too else {})}
            if len(waiting) <= until_left:
                return True
            if time.monotonic() - self._moved_at > pace.patience_s:
                agents = ", ".join(sorted({agent for _, _, agent in waiting}))
                done.stopped = (
                    f"{len(waiting)} letters sent have had no answer for {pace.patience_s:g} s: does {agents} run?"
                )
                return False
            time.sleep(0.02)

    def _look(self, watch: TurnWatch) -> None:
        """Take in what agents have made of the letters."""
        watch.check()
        went_well: list[int] = []
        failed: dict[int, str] = {}
        for waiting in (self._waiting, self._before):
            for key in [key for key in waiting if key in watch.answers]:
                letter, answer = waiting.pop(key), watch.answers[key]
                ours = waiting is self._waiting
                if answer.failed:
                    failed[letter] = f"{answer.reason}: {answer.detail}"
                    self.done.failed_again += ours
                    if ours:
                        self.done.failures.append((letter, answer.reason, answer.detail))
                else:
                    went_well.append(letter)
                    self.done.went_well += ours
        if went_well or failed:
            self._moved_at = time.monotonic()
            note_letters(self._connection, self._stored.id, went_well, WENT_WELL)
            note_letters(self._connection, self._stored.id, list(failed), FAILED_AGAIN, said=list(failed.values()))
            self._progress(self.done, self._of)

    def _note_what_was_sent(self, ids: Sequence[int]) -> None:
        for letter in read_letters(self._connection, self._stored.namespace, ids):
            self._before[_awaited(letter)] = letter.id

    # -- sending ------------------------------------------------------------------------------------------------------

    def _send(self, batch: Sequence[PlannedLetter], sender: Sender, ops_from: int) -> None:
        """Claim, build and send one transaction, and write down that it was sent."""
        shas = {one.letter: one.value_sha for one in batch}
        ready: list[tuple[Letter, list[Record]]] = []
        steps: dict[int, dict[str, object]] = {}
        for one in self._claimed([one.letter for one in batch], ops_from):
            letter = one.letter
            if one.assessment.sha256 != shas[letter.id]:
                self._refuse(letter, "it comes to another payload than when the plan was made")
                continue
            try:
                events = self._events(one)
            except (LookupError, MalformedEvent) as error:
                self._refuse(letter, f"what its case went through cannot be read: {error}")
                continue
            said = self._said(letter)
            op = ops_record(
                self._stored.namespace,
                true_case_id(letter),
                REDRIVE,
                actor=self._actor.name,
                reason=self._actor.reason,
                **said,
            )
            ready.append((letter, [*events, op]))
            steps[letter.id] = step_of(said, self._actor, datetime.now(UTC).isoformat())
        self._seam("claimed")
        if ready:
            sender.send([record for _, records in ready for record in records])
            note_sent(self._connection, self._stored, {letter.id: letter for letter, _ in ready}, steps)
            self._seam("noted")
            self.done.sent += len(ready)
            self._waiting |= {_awaited(letter): letter.id for letter, _ in ready}
            self._moved_at = time.monotonic()
        self._progress(self.done, self._of)

    def _claimed(self, ids: Sequence[int], ops_from: int) -> list[Tried]:
        """Those letters that are ours to send now; why the others are not is noted."""
        connection, stored = self._connection, self._stored
        with connection.transaction():
            # Held until the claim stands: a letter that is discarded at this moment is not sent, or not discarded.
            connection.execute("SELECT FROM dead_letters WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [list(ids)])
            tried = try_letters(
                connection, stored.namespace, self._plan, self._assessor, self._repair, ids, own_plan=stored.id
            )
            lives = {one.letter.id: (one.letter.case_id, one.letter.epoch + 1) for one in tried}
            wanted = [(*lives[one.letter.id], one.letter.id) for one in tried if one.assessment.verdict == "pass"]
            claim(connection, self._claimant, wanted, ops_from)
            holders = returns_of(connection, stored.namespace, self._plan.workflow, list(lives.values()))
        ours = []
        for one in tried:
            holder = holders.get(lives[one.letter.id])
            if one.assessment.verdict != "pass":
                self._refuse(one.letter, one.assessment.why)
            elif holder is None or holder.plan != stored.id or holder.letter != one.letter.id:
                self._refuse(one.letter, _had_by(holder))
            else:
                ours.append(one)
        return ours

    def _events(self, one: Tried) -> list[Record]:
        """The operator's events. LookupError or MalformedEvent: what the case ended with, or went through, is gone."""
        letter, stored = one.letter, self._stored
        assert one.standing.last is not None
        stopped = read_stopped(
            self._connection, self._topics, self._recall, true_case_id(letter), letter.epoch, one.standing.last
        )
        turn = failed_turn(self._plan, self._topics, stopped, letter.agent, self._recall)
        own = [] if one.assessment.halves else [Target(letter.agent, one.assessment.value, one.assessment.kind, turn)]
        evidence = {
            "action": REDRIVE,
            "actor": self._actor.name,
            "reason": self._actor.reason,
            "plan": stored.id,
            "letter": letter.id,
            "repair": stored.repair,
        }
        return [
            bring_back(
                self._plan,
                self._topics,
                self._build,
                stopped,
                target,
                now_ms=int(time.time() * 1000),
                justification=f"redriven by {self._actor.name}: {self._actor.reason}",
                evidence=evidence,
            )
            for target in with_other_branches(self._plan, self._topics, stopped, letter.agent, own, self._recall)
        ]

    def _said(self, letter: Letter) -> dict[str, object]:
        """What the action's record in `{ns}.ops` says of a letter."""
        return {
            "plan": self._stored.id,
            "workflow": self._plan.workflow,
            "case_id": true_case_id(letter),
            "epoch": letter.epoch + 1,
            "letter": letter.id,
            "agent": letter.agent,
            "repair": self._stored.repair,
        }

    def _refuse(self, letter: Letter, why: str) -> None:
        note_letters(self._connection, self._stored.id, [letter.id], REFUSED, said=[why])
        self.done.refused += 1
        self.done.refusals.append((letter.id, why))


def _awaited(letter: Letter) -> Awaited:
    return true_case_id(letter), letter.epoch + 1, letter.agent


def _had_by(holder: Return | None) -> str:
    if holder is None:
        return "its case could not be claimed; plan again"
    through = f"plan {holder.plan}" if holder.plan else "an answer"
    return f"its case is brought back already: by {holder.actor} at {holder.claimed_at:%Y-%m-%d %H:%M:%S} ({through})"


def _in_batches(letters: Sequence[PlannedLetter], size: int) -> Iterator[Sequence[PlannedLetter]]:
    for begin in range(0, len(letters), size):
        yield letters[begin : begin + size]
