"""The agents of the workflow `outreach`: a fine is read, cleared, written about, reviewed, or handed to a person."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import JsonValue
from rooms.agents.outreach_compliance import RULES, breaches, brief_of, may_be_written_on
from rooms.agents.outreach_docket import Unreadable, read_docket
from rooms.agents.outreach_drafters import FallbackDrafter, PrimaryDrafter
from rooms.agents.outreach_handover import hand_over
from rooms.agents.outreach_prompts import first_prompt, second_prompt
from rooms.agents.outreach_rubric import THRESHOLD, mark
from rooms.contracts.outreach import Approved, Cleared, Consistent, Docket, Draft, Fine, Handover, Letter

from misstep import Escalated, Failure, Turn, agent
from misstep.models import ModelRefused, ask


@agent(budget="1s", owner="register")
def intake(turn: Turn[Fine]) -> Docket | Failure[Literal["schema_invalid"]]:
    """Reads what the register says, and does not guess at what it does not know."""
    try:
        docket = read_docket(turn.payload, dt.datetime.now(dt.UTC).date())
    except Unreadable as why:
        return turn.fail("schema_invalid", f"input: {why}", events=[event.activity for event in turn.payload.events])
    turn.note(f"{len(turn.payload.events)} events until {docket.as_of}; EUR {docket.owed} is owed")
    return docket


@agent(budget="1s", owner="legal")
def compliance_check(turn: Turn[Consistent]) -> Cleared | Failure[Literal["compliance_fail"]]:
    """Lets a fine through only when no rule forbids a letter about it."""
    docket = turn.payload
    broken = breaches(docket)
    if broken:
        first = broken[0]
        return turn.fail(
            "compliance_fail",
            f"{first.rule.name}: {first.why}",
            rule=first.rule.name,
            law=first.rule.law,
            rules=[breach.rule.name for breach in broken],
            why={breach.rule.name: breach.why for breach in broken},
            suggestions=_later(docket) if [breach.rule.name for breach in broken] == ["too_recent"] else [],
        )
    rules = tuple(rule.name for rule in RULES)
    turn.note(f"none of {len(rules)} rules forbids a letter", rules=list(rules))
    return Cleared(brief=brief_of(docket), rules=rules)


@agent(budget="20s", owner="letters")
async def drafter_primary(
    turn: Turn[Cleared], drafter: PrimaryDrafter
) -> Draft | Failure[Literal["model_down", "schema_invalid"]]:
    """Has a model write the letter; by another prompt when its first answer could not be read."""
    brief = turn.payload.brief
    prompt = first_prompt(brief, turn.attempt)
    async with turn.calling("drafter_primary"):
        try:
            answer = await ask(turn, drafter.model, prompt, answers=Letter)
        except ModelRefused as refused:  # the law was asked before; what is no letter is no letter, whatever its tone
            return turn.fail("schema_invalid", f"output: {refused.detail}", stage="output", prompt=prompt.name)
    return Draft(
        brief=brief, letter=answer.output, drafted_by="drafter_primary", model=answer.model, prompt=prompt.name
    )


@agent(budget="20s", owner="letters")
async def drafter_fallback(
    turn: Turn[Cleared], drafter: FallbackDrafter
) -> Draft | Failure[Literal["model_down", "schema_invalid"]]:
    """Has another model write the letter, told what was wrong with the draft before."""
    brief = turn.payload.brief
    prompt = second_prompt(brief, turn.failure)
    async with turn.calling("drafter_fallback"):
        try:
            answer = await ask(turn, drafter.model, prompt, answers=Letter)
        except ModelRefused as refused:
            return turn.fail("schema_invalid", f"output: {refused.detail}", stage="output", prompt=prompt.name)
    return Draft(
        brief=brief, letter=answer.output, drafted_by="drafter_fallback", model=answer.model, prompt=prompt.name
    )


@agent(budget="1s", owner="letters")
def reviewer(turn: Turn[Draft]) -> Approved | Failure[Literal["rubric_fail"]]:
    """Scores the draft by the rubric; below the threshold it does not go out."""
    draft = turn.payload
    marks = mark(draft.letter, draft.brief)
    scores: dict[str, JsonValue] = dict(marks.scores)
    if not marks.passes:
        return turn.fail(
            "rubric_fail",
            f"{draft.model}'s letter scores {marks.total:.2f}, below {THRESHOLD}: it does not {marks.missing[0]}",
            score=marks.total,
            threshold=THRESHOLD,
            scores=scores,
            missing=list(marks.missing),
            drafted_by=draft.drafted_by,
            model=draft.model,
            prompt=draft.prompt,
        )
    turn.note(f"{draft.model}'s letter scores {marks.total:.2f}", score=marks.total, scores=scores)
    return Approved(
        fine_id=draft.brief.fine_id,
        dated=draft.brief.dated,
        pay_by=draft.brief.pay_by,
        owed=draft.brief.owed,
        letter=draft.letter,
        score=marks.total,
        drafted_by=draft.drafted_by,
        model=draft.model,
    )


@agent(budget="1s", owner="desk")
def escalation(turn: Turn[Escalated]) -> Handover:
    """Prepares the case for the person who decides it."""
    handover = hand_over(turn.payload)
    turn.note(f"handed over: {handover.question}", reason=handover.reason)
    return handover


def _later(docket: Consistent) -> list[JsonValue]:
    """The same docket, on the first day on which its term is over: an answer that can be given as it is."""
    if docket.sent_on is None and docket.served_on is None:
        return []
    again = docket.model_copy(update={"as_of": may_be_written_on(docket)})
    return [again.model_dump(mode="json")]
