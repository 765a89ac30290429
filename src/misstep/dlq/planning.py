"""Making a redrive plan: a selection is frozen, every letter tried against the contract of today; nothing is sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from misstep.agents.branches_again import join_of
from misstep.agents.plan import Plan
from misstep.dlq.accepted import accepted_sha
from misstep.dlq.assess import Assessment, Assessor
from misstep.dlq.repair import Repair
from misstep.errors import AnswerIsNo, UsageError
from misstep.store.connect import Connection
from misstep.store.letters import Letter, Selection, ids_selected, read_letters
from misstep.store.redrive_plans import PlannedLetter, StoredPlan, store_plan
from misstep.store.standing import Standing, standings

AT_ONCE: Final = 500
"""Letters that are read and tried together."""
MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tried:
    """A letter, and what would come of it."""

    letter: Letter
    assessment: Assessment
    standing: Standing


def make_plan(
    connection: Connection,
    plan: Plan,
    assessor: Assessor,
    wanted: Selection,
    repair: Repair | None,
    build: str,
    *,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> StoredPlan:
    """Freeze a selection of one workflow into a plan and store it.

    progress is told how many letters of how many were tried. Raises AnswerIsNo when the selection is empty.
    """
    ids = ids_selected(connection, wanted)
    if not ids:
        raise AnswerIsNo(
            f"No dead letter of {plan.workflow} in namespace {wanted.namespace} is meant by that; "
            "`misstep dlq ls` shows those that wait."
        )
    if len(ids) > MOST:
        raise UsageError(f"{len(ids):,} letters are more than a plan may hold ({MOST:,}); choose fewer, as by --since.")
    letters: list[PlannedLetter] = []
    agents: set[str] = set()
    lives: set[str] = set()
    for begin in range(0, len(ids), AT_ONCE):
        for tried in try_letters(connection, wanted.namespace, plan, assessor, repair, ids[begin : begin + AT_ONCE]):
            letter, assessment = tried.letter, tried.assessment
            if assessment.verdict == "pass" and letter.case_id in lives:
                assessment = Assessment("refused", "another letter of the same case goes back first, in this plan")
            if assessment.verdict == "pass":
                lives.add(letter.case_id)
                agents.add(letter.agent)
            letters.append(
                PlannedLetter(
                    letter=letter.id,
                    position=len(letters),
                    verdict=assessment.verdict,
                    why=assessment.why or None,
                    fields=assessment.fields or None,
                    value_sha=assessment.sha256 if assessment.verdict == "pass" else None,
                    epoch=None,
                    state=None,
                    said=None,
                    at=None,
                )
            )
        progress(len(letters), len(ids))
    made = StoredPlan(
        id=f"r{secrets.token_hex(4)}",
        namespace=wanted.namespace,
        workflow=plan.workflow,
        selection=wanted.as_json(),
        repair=repair.name if repair else None,
        repair_sha=repair.sha256 if repair else None,
        contracts={name: accepted_sha(plan.agents[name]) for name in sorted(agents)},
        score=plan.score_hash,
        build=build,
        made_at=datetime.now(UTC),
        actor=None,
        reason=None,
        started_at=None,
        watch_from=None,
        ended_at=None,
        ending=None,
        stopped=None,
    )
    store_plan(connection, made, letters)
    return made


def try_letters(
    connection: Connection,
    namespace: str,
    plan: Plan,
    assessor: Assessor,
    repair: Repair | None,
    ids: Sequence[int],
    *,
    own_plan: str | None = None,
) -> list[Tried]:
    """What would come of each letter, its case's standing included. `own_plan`: whose claims are no hindrance."""
    letters = read_letters(connection, namespace, ids)
    lives = [(one.case_id, one.epoch) for one in letters]
    stand = standings(connection, namespace, plan.workflow, lives)
    tried = []
    for letter in letters:
        standing = stand[letter.case_id, letter.epoch]
        why = assessor.why_not(letter) or why_not_now(plan, letter, standing, own_plan=own_plan)
        tried.append(Tried(letter, Assessment("refused", why) if why else assessor.assess(letter, repair), standing))
    return tried


def why_not_now(plan: Plan, letter: Letter, standing: Standing, *, own_plan: str | None = None) -> str:
    """Why the letter's case cannot be brought back as it stands; empty when it can. `own_plan`: whose claim stands."""
    if letter.state == "discarded":
        last = letter.trail[-1]
        return f"it was discarded by {last.get('by')} on {str(last.get('at'))[:10]}: {last.get('because')}"
    returned = standing.returned
    if returned is not None and (own_plan is None or returned.plan != own_plan):
        how = f"plan {returned.plan}" if returned.plan else "an answer"
        return f"its case is brought back already: by {returned.actor} at {returned.at:%Y-%m-%d %H:%M:%S} ({how})"
    if standing.newest_epoch is not None and standing.newest_epoch > letter.epoch:
        return f"its case lives on in epoch {standing.newest_epoch}; this letter is of epoch {letter.epoch}"
    if standing.outcome is None:
        return "its case has not ended in the audit yet; plan again when the audit sink has caught up"
    if standing.outcome != "dead_lettered":
        return f"its case ended {standing.outcome}, not dead-lettered"
    last_version = standing.last
    if last_version is None:
        return "the version that its case ended with is not in the audit"
    join = join_of(plan, letter.agent)
    here = {letter.agent, join.name if join is not None else letter.agent}
    if last_version.agent not in here or last_version.version != letter.version:
        return (
            f"its case ended with version {last_version.version} of {last_version.agent}, not where this letter failed "
            f"(version {letter.version} of {letter.agent})"
        )
    return ""
