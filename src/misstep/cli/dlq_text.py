"""Dead letters for a person and for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from misstep.contracts import SchemaSource
from misstep.contracts.letter import PREFIX
from misstep.dlq.room import DeadLetters
from misstep.dlq.shown import shown, shown_headers
from misstep.saga.rooms import Project
from misstep.store.letters import Letter, LetterGroup, LetterLine

DIM, WARN, BAD, GOOD = "dim", "yellow", "bold red", "green"
DETAIL_SHOWN_CHARS = 90
STATES = {"waits": WARN, "redriven": GOOD, "discarded": DIM}


def lines_table(lines: Sequence[LetterLine], project: Project) -> Table:
    """Letters, one a line."""
    table = Table("id", "case", "agent", "reason", "last failure", "state", "detail", title_justify="left")
    several = len({one.workflow for one in lines}) > 1
    for one in lines:
        agent = f"{one.workflow}/{one.agent}" if several else one.agent
        table.add_row(
            str(one.id),
            one.case_id + (f" (epoch {one.epoch})" if one.epoch else ""),
            agent,
            Text(one.reason, BAD),
            moment(one.last_failure),
            Text(one.state, STATES.get(one.state, DIM)),
            Text(_short(project.letters_of(one.workflow).redaction.masked_words(one.detail or ""))),
        )
    return table


def group_table(groups: Sequence[LetterGroup], project: Project) -> Table:
    """Groups of letters, one a line."""
    table = Table("letters")
    for name in ("agent", "reason", "first seen", "last seen", "fingerprint", "example"):
        table.add_column(name, no_wrap=True)
    table.add_column("detail")
    several = len({one.workflow for one in groups}) > 1
    for one in groups:
        table.add_row(
            str(one.count),
            f"{one.workflow}/{one.agent}" if several else one.agent,
            Text(one.reason, BAD),
            f"{one.first_seen:%m-%d %H:%M}",
            f"{one.last_seen:%m-%d %H:%M}",
            one.fingerprint,
            str(one.example),
            Text(_short(project.letters_of(one.workflow).redaction.masked_words(one.detail or ""))),
        )
    return table


def line_json(line: LetterLine, room: DeadLetters) -> dict[str, Any]:
    """A letter of a listing."""
    said = {name: getattr(line, name) for name in LetterLine.__dataclass_fields__}
    return {**said, "detail": room.redaction.masked_words(line.detail or "") or None, "state": line.state}


def group_json(group: LetterGroup, room: DeadLetters) -> dict[str, Any]:
    """A group of letters."""
    return {**asdict(group), "detail": room.redaction.masked_words(group.detail or "") or None}


def letter_json(
    letter: Letter, room: DeadLetters, outcomes: Mapping[int, str | None], schemas: SchemaSource
) -> dict[str, Any]:
    """A letter whole."""
    seen = shown(letter.value, room.redaction, schemas)
    own = {name: value for name, value in letter.header_map.items() if not name.startswith(PREFIX)}
    return {
        **line_json(letter, room),
        "trail": _trail(letter, outcomes),
        "key": None if letter.key is None else letter.key.decode("utf-8", "backslashreplace"),
        "payload": seen.payload,
        "readable": seen.readable,
        "bytes": seen.bytes_count,
        "begins": seen.begins or None,
        "headers": shown_headers(own, seen, room.redaction),
        "origin": {
            "topic": letter.origin_topic,
            "partition": letter.origin_partition,
            "offset": letter.origin_offset,
            "timestamp": letter.origin_timestamp,
            "group": letter.origin_group,
        },
        "place": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        "next": next_steps(letter, room),
    }


def tell_letter(
    letter: Letter, room: DeadLetters, outcomes: Mapping[int, str | None], schemas: SchemaSource, console: Console
) -> None:
    """Print a letter whole: what happened, the message, its trail, and what to type next."""
    said = letter_json(letter, room, outcomes, schemas)
    head = Text.assemble(
        (f"Letter {letter.id}", "bold"),
        (f"  {letter.workflow}  case {letter.case_id}  epoch {letter.epoch}  version {letter.version}  ", DIM),
        (letter.state, STATES.get(letter.state, DIM)),
    )
    console.print(head)
    console.print(Text.assemble("  ", (letter.reason, BAD), f" of {letter.agent}: {said['detail'] or 'no detail'}"))
    attempts = f"{letter.attempts or 1} attempt{'' if (letter.attempts or 1) == 1 else 's'}"
    console.print(
        Text(
            f"  {attempts}, first failed {moment(letter.first_failure)}, last {moment(letter.last_failure)}; "
            f"fingerprint {letter.fingerprint}",
            DIM,
        )
    )
    console.print(
        Text(
            f"  came from {letter.origin_topic or 'nobody knows where'} [{letter.origin_partition}] @ "
            f"{letter.origin_offset}; stands in {letter.topic} [{letter.partition}] @ {letter.offset}",
            DIM,
        )
    )
    if letter.emptied_at is not None:
        console.print(
            Text(f"Its bytes were removed {moment(letter.emptied_at)}: they had been kept long enough.", WARN)
        )
    elif said["readable"]:
        console.print(f"Payload ({said['bytes']:,} bytes):")
        console.print(_indented(said["payload"]), highlight=False, soft_wrap=True, markup=False)
    else:
        console.print(
            Text(
                f"Payload: {said['bytes']:,} bytes that cannot be read; they begin with {said['begins']} (base64)", WARN
            )
        )
    console.print("Headers:" if said["headers"] else "Headers: none")
    for name, value in said["headers"].items():
        console.print(Text(f"  {name}: {value if len(value) <= 200 else value[:200] + '…'}", DIM), soft_wrap=True)
    if said["trail"]:
        console.print("Since then:")
        for step in said["trail"]:
            console.print(Text(f"  {trail_line(step)}"), soft_wrap=True)
    console.print("Next:")
    for line in said["next"]:
        console.print(Text(f"  {line}"), soft_wrap=True)


def next_steps(letter: Letter, room: DeadLetters) -> list[str]:
    """What to type next."""
    case = letter.case_id if letter.case_id.isprintable() and " " not in letter.case_id else f"'{letter.case_id}'"
    why = f"misstep why {case}"
    if letter.closed_at is not None or letter.emptied_at is not None:
        return [why]
    if letter.reason == "undo_failed":
        return [
            f"{why}   (says what still stands, and who must undo it by hand)",
            f"misstep dlq discard {letter.id} --actor YOU --reason 'undone by hand: ...'",
        ]
    repairs = [
        f"misstep redrive plan {letter.id} --repair {one.name}   ({one.summary})" for one in room.repairs.values()
    ]
    return [
        f"misstep redrive plan {letter.id}   (would it pass as it is?)",
        *repairs,
        f"misstep dlq discard {letter.id} --actor YOU --reason TEXT",
        why,
    ]


def trail_line(step: Mapping[str, Any]) -> str:
    """One step of a trail, in words."""
    parts = [f"{step.get('did')} {moment_text(str(step.get('at', '')))} by {step.get('by')}: {step.get('because')}"]
    if step.get("plan"):
        parts.append(f"plan {step['plan']}")
    if step.get("repair"):
        parts.append(f"repair {step['repair']}")
    if "came_to" in step:
        parts.append(f"epoch {step.get('epoch')} {step['came_to']}")
    return "; ".join(parts)


def moment(at: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def moment_text(at: str) -> str:
    """An RFC 3339 time of a trail, to the second."""
    return at[:19].replace("T", " ")


def _trail(letter: LetterLine, outcomes: Mapping[int, str | None]) -> list[dict[str, Any]]:
    """The trail, and what came of each life that the case was given."""
    told = []
    for step in letter.trail:
        epoch = step.get("epoch")
        if isinstance(epoch, int) and step.get("did") == "redriven":
            came_to = outcomes[epoch] or "still runs" if epoch in outcomes else "is not in the audit yet"
            step = {**step, "came_to": came_to}
        told.append(step)
    return told


def _indented(payload: Any) -> str:
    return "\n".join(f"  {line}" for line in orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode().splitlines())


def _short(text: str) -> str:
    return text if len(text) <= DETAIL_SHOWN_CHARS else f"{text[:DETAIL_SHOWN_CHARS]}…"
