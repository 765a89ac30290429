"""Redrive plans and replays for a person and for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from misstep.cli.dlq_text import BAD, DIM, GOOD, WARN, moment
from misstep.dlq.replaying import Replayed
from misstep.dlq.room import DeadLetters
from misstep.store.connect import Connection
from misstep.store.redrive_plans import (
    StoredPlan,
    counts_of,
    field_counts,
    planned_letters,
    why_not,
)

SHOWN_MAX: Final = 10


def plan_json(
    connection: Connection, stored: StoredPlan, room: DeadLetters, *, letters: bool = False
) -> dict[str, Any]:
    """A plan with what it found; with `letters`, each of them."""
    masked = room.redaction.masked_words
    said: dict[str, Any] = {
        **{name: getattr(stored, name) for name in StoredPlan.__dataclass_fields__ if name != "watch_from"},
        "counts": counts_of(connection, stored.id),
        "why_not": [
            {"verdict": verdict, "why": masked(why), "letters": count, "example": example}
            for verdict, why, count, example in why_not(connection, stored.id)
        ],
        "fields": [
            {"field": name, "says": masked(text), "letters": count, "example": example}
            for name, text, count, example in field_counts(connection, stored.id)
        ],
    }
    if letters:
        said["letters"] = [
            {
                **asdict(one),
                "why": one.why and masked(one.why),
                "said": one.said and masked(one.said),
                "fields": one.fields and {name: masked(str(text)) for name, text in one.fields.items()},
            }
            for one in planned_letters(connection, stored.id)
        ]
    return said


def tell_plan(said: Mapping[str, Any], out: Console) -> None:
    """Print a plan: what would pass, what would not and why, what came of it, and what to type next."""
    counts = said["counts"]
    repair = f", repaired by {said['repair']}" if said["repair"] else ""
    out.print(
        Text.assemble(
            (f"Plan {said['id']}", "bold"), (f"  {said['workflow']}{repair}, made {moment(said['made_at'])}", DIM)
        )
    )
    line = Text("  ")
    line.append(f"{counts['pass']} would pass", GOOD if counts["pass"] else "")
    if counts["fail"]:
        line.append(f", {counts['fail']} still fail{'s' if counts['fail'] == 1 else ''}", BAD)
    not_sent = [one for one in said["why_not"] if one["verdict"] == "refused"]
    if not_sent:
        line.append(f", {sum(one['letters'] for one in not_sent)} cannot be sent back", WARN)
    out.print(line)
    for title, ones in (
        ("Still failing:", [one for one in said["why_not"] if one["verdict"] == "fail"]),
        ("Not to be sent back:", not_sent),
    ):
        _reasons(title, ones, out)
    if said["fields"]:
        table = Table("field", "letters", "says", "for example", title="Field by field", title_justify="left")
        for one in said["fields"][:SHOWN_MAX]:
            table.add_row(Text(one["field"]), str(one["letters"]), Text(one["says"]), str(one["example"]))
        out.print(table)
    if said["started_at"] is not None:
        _progress(said, out)
    if said["ending"]:
        out.print(f"Plan {said['id']} is {said['ending']}.")
    elif counts["left"]:
        out.print(Text(f"Next: misstep redrive replay {said['id']} --actor YOU --reason TEXT"), soft_wrap=True)
    elif not counts["pass"]:
        out.print("Nothing of it can be sent: a repair in dlq/ may mend the letters (--repair NAME).")


def plans_table(found: Sequence[tuple[StoredPlan, Mapping[str, int]]]) -> Table:
    """Plans, one a line."""
    table = Table(
        "plan", "workflow", "made", "repair", "would pass", "sent", "went well", "failed again", "left", "state"
    )
    for stored, counts in found:
        state = stored.ending or ("begun" if stored.started_at else "new")
        table.add_row(
            stored.id,
            stored.workflow,
            moment(stored.made_at),
            stored.repair or "",
            *(str(counts[name]) for name in ("pass", "sent", "went_well", "failed_again", "left")),
            f"{state}{': ' + stored.stopped if stored.stopped and not stored.ending else ''}",
        )
    return table


def replay_json(done: Replayed, counts: Mapping[str, int], room: DeadLetters) -> dict[str, Any]:
    """What came of a replay, this time, and of the plan in all."""
    masked = room.redaction.masked_words
    return {
        **asdict(done),
        "failures": [
            {"letter": letter, "reason": reason, "detail": masked(detail)} for letter, reason, detail in done.failures
        ],
        "refusals": [{"letter": letter, "why": why} for letter, why in done.refusals],
        "in_all": dict(counts),
    }


def tell_replay(done: Replayed, counts: Mapping[str, int], room: DeadLetters, out: Console) -> None:
    """Print what came of a replay."""
    line = Text(f"Plan {done.plan}: sent {done.sent}, ")
    line.append(f"{done.went_well} went well", GOOD if done.went_well else "")
    line.append(", ")
    line.append(f"{done.failed_again} failed again", BAD if done.failed_again else "")
    if done.unanswered:
        line.append(f", {done.unanswered} not answered yet", WARN)
    if done.recovered:
        line.append(f" ({done.recovered} had been sent by a replay that was cut off)", DIM)
    out.print(line)
    for letter, reason, detail in done.failures[:SHOWN_MAX]:
        out.print(Text(f"  letter {letter}: {reason}: {room.redaction.masked_words(detail)}", WARN), soft_wrap=True)
    if len(done.failures) > SHOWN_MAX:
        out.print(f"  and {len(done.failures) - SHOWN_MAX} more: misstep redrive show {done.plan}")
    for letter, why in done.refusals[:SHOWN_MAX]:
        out.print(Text(f"  letter {letter} was not sent: {why}", WARN), soft_wrap=True)
    if done.stopped:
        out.print(Text(f"Stopped: {done.stopped}. {counts['left']} were not sent; the same command goes on.", BAD))
    elif not counts["left"] and not done.unanswered:
        out.print(
            f"Plan {done.plan} is done: {counts['went_well']} went well in all, {counts['failed_again']} did not."
        )


def _reasons(title: str, ones: Sequence[Mapping[str, Any]], out: Console) -> None:
    if not ones:
        return
    out.print(title)
    for one in ones[:SHOWN_MAX]:
        out.print(Text(f"  {one['letters']} (as letter {one['example']}): {one['why']}"), soft_wrap=True)
    if len(ones) > SHOWN_MAX:
        out.print(f"  and {len(ones) - SHOWN_MAX} more ways; --json has them all")


def _progress(said: Mapping[str, Any], out: Console) -> None:
    counts = said["counts"]
    line = Text(f"Replayed by {said['actor']} ({said['reason']}): {counts['sent']} sent, ")
    line.append(f"{counts['went_well']} went well", GOOD if counts["went_well"] else "")
    line.append(", ")
    line.append(f"{counts['failed_again']} failed again", BAD if counts["failed_again"] else "")
    line.append(f", {counts['left']} left")
    out.print(line)
    if said["stopped"]:
        out.print(Text(f"Stopped: {said['stopped']}.", WARN))
