"""The manual queue for a person and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from misstep.agents.plan import Plan
from misstep.cli.dlq_text import BAD, DIM, WARN, moment
from misstep.contracts import LocalSchemas, SchemaSource
from misstep.dlq.answer import understood
from misstep.dlq.redaction import MASK
from misstep.dlq.room import DeadLetters
from misstep.errors import MisstepError
from misstep.saga.rooms import Project
from misstep.store.queue import Waiting

DETAIL_SHOWN_CHARS = 90


def waiting_table(found: Sequence[Waiting], project: Project) -> Table:
    """Cases, one a line."""
    table = Table("case", "agent", "reason", "waits since", "suggestions", "claimed", "detail")
    several = len({one.workflow for one in found}) > 1
    for one in found:
        detail = project.letters_of(one.workflow).redaction.masked_words(one.detail or "")
        table.add_row(
            one.case_id + (f" (epoch {one.epoch})" if one.epoch else ""),
            f"{one.workflow}/{one.failed_in}" if several else one.failed_in,
            Text(one.reason, BAD),
            moment(one.since),
            str(len(one.suggestions)) if one.suggestions else "",
            f"{one.claimed_by} until {one.claim_ends:%H:%M}" if one.claimed_by else "",
            Text(detail if len(detail) <= DETAIL_SHOWN_CHARS else f"{detail[:DETAIL_SHOWN_CHARS]}…"),
        )
    return table


def waiting_json(found: Waiting, plan: Plan | None, room: DeadLetters, schemas: SchemaSource) -> dict[str, Any]:
    """A case that waits; its payload, evidence and suggestions masked where dlq/ says so."""
    redaction = room.redaction
    agent = plan.agents.get(found.failed_in) if plan is not None else None
    evidence = found.escalated.get("evidence") if isinstance(found.escalated, dict) else None
    unreadable = bool(isinstance(found.escalated, dict) and found.escalated.get("raw"))
    suggestions = []
    for one in found.suggestions:
        said: dict[str, Any] = {"answer": redaction.masked_mentions(redaction.masked(one), found.payload)}
        if plan is not None and agent is not None:
            try:
                answer = understood(plan, agent, orjson.dumps(one), schemas)
                said |= {"contract": answer.contract.__contract__.text, "way": answer.way, "goes_to": answer.goes_to}
            except MisstepError as error:
                said["unfit"] = redaction.masked_words(str(error))
        suggestions.append(said)
    return {
        "case_id": found.case_id,
        "workflow": found.workflow,
        "epoch": found.epoch,
        "agent": found.failed_in,
        "reason": found.reason,
        "detail": redaction.masked_words(found.detail or "") or None,
        "since": found.since,
        "payload": redaction.masked(found.payload),
        "unreadable": unreadable,
        "evidence": MASK if unreadable and redaction.paths else redaction.masked_mentions(evidence, found.payload),
        "suggestions": suggestions,
        "accepts": [one.__contract__.text for one in agent.accepts] if agent is not None and not agent.joins else [],
        "emits": [one.__contract__.text for one in agent.emits] if agent is not None else [],
        "claimed_by": found.claimed_by,
        "claim_ends": found.claim_ends,
        "answered_by": found.answered_by,
    }


def tell_waiting(found: Waiting, plan: Plan, room: DeadLetters, out: Console) -> None:
    """Print a case that waits, and what to type next."""
    said = waiting_json(found, plan, room, LocalSchemas())
    out.print(
        Text.assemble(
            (f"Case {found.case_id}", "bold"),
            (f"  {found.workflow}  epoch {found.epoch}  waits since {moment(found.since)}", DIM),
        )
    )
    out.print(Text.assemble("  ", (found.reason, BAD), f" of {found.failed_in}: {said['detail'] or 'no detail'}"))
    if found.claimed_by is not None:
        out.print(Text(f"  claimed by {found.claimed_by} until {found.claim_ends:%Y-%m-%d %H:%M:%S}", WARN))
    if found.answered_by is not None:
        out.print(Text(f"  {found.answered_by} began to answer it and did not get through; answer it again", WARN))
    if said["evidence"]:
        out.print("Evidence:")
        out.print(_indented(said["evidence"]), highlight=False, markup=False, soft_wrap=True)
    if said["unreadable"]:
        out.print(Text(f"What {found.failed_in} had received cannot be read (base64): {_raw(found, room)}", WARN))
    else:
        out.print(f"What {found.failed_in} had received:")
        out.print(_indented(said["payload"]), highlight=False, markup=False, soft_wrap=True)
    for number, one in enumerate(said["suggestions"], 1):
        where = f"it is {one['contract']}" if "contract" in one else f"does not fit: {one.get('unfit', 'no agent')}"
        out.print(Text(f"Suggestion {number} ({where}):"))
        out.print(_indented(one["answer"]), highlight=False, markup=False, soft_wrap=True)
    out.print(
        Text(
            f"An answer is {' or '.join(said['accepts']) or 'nothing'} (given to {found.failed_in} again) or "
            f"{' or '.join(said['emits'])} (goes on behind it)."
        )
    )
    out.print("Next:")
    who = "--actor YOU --reason TEXT"
    out.print(Text(f"  misstep queue claim {found.case_id} --actor YOU"))
    if said["suggestions"]:
        out.print(Text(f"  misstep queue answer {found.case_id} --suggestion 1 {who}"))
    out.print(Text(f"  misstep queue answer {found.case_id} --payload FILE {who}"))
    out.print(Text(f"  misstep queue answer {found.case_id} --reject {who}"))


def _raw(found: Waiting, room: DeadLetters) -> str:
    return MASK if room.redaction.paths else str(found.escalated.get("raw"))[:400]


def _indented(payload: Any) -> str:
    return "\n".join(f"  {line}" for line in orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode().splitlines())
