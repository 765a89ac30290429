"""A case's story, for a person and for a program."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from misstep.store.case_story import CaseStory, StoryEnding, StoryLetter, StoryVersion

GOOD, BAD, DIM, WARN = "green", "bold red", "dim", "yellow"


def tell(story: CaseStory, console: Console) -> None:
    """Print the story."""
    console.print(told(story))


def told(story: CaseStory) -> RenderableType:
    """The story as something rich can print: each life of the case, version by version, then the proof."""
    parts: list[RenderableType] = []
    for ending in story.endings:
        life = [one for one in story.versions if (one.workflow, one.epoch) == (ending.workflow, ending.epoch)]
        parts.append(_heading(story, ending, life))
        for version in life:
            parts.extend(_version(version, life))
        parts.extend(
            _letter(one) for one in story.letters if (one.workflow, one.epoch) == (ending.workflow, ending.epoch)
        )
        parts.append(_ending(ending))
        parts.extend(_still_done(life))
        parts.append(Text(""))
    parts.append(_proof(story))
    return Group(*parts)


def as_json(story: CaseStory) -> dict[str, Any]:
    """The story as plain values: times in RFC 3339, durations in milliseconds under names that end in `_ms`."""
    versions = []
    for one in story.versions:
        plain = asdict(one)
        for name in ("latency", "since_parent"):
            plain[f"{name}_ms"] = _ms(plain.pop(name))
        plain["tries"] = [{"reason": reason, "waited_ms": _ms(waited)} for reason, waited in one.tries]
        versions.append(plain)
    whole = {
        "namespace": story.namespace,
        "case_id": story.case_id,
        "verified": story.verified,
        "chain_holds": story.chain_holds,
        "unread_because": story.unread_because or None,
        "epochs": [asdict(one) for one in story.endings],
        "versions": versions,
        "dead_letters": [asdict(one) for one in story.letters],
    }
    plain_values: dict[str, Any] = orjson.loads(orjson.dumps(whole, default=str, option=orjson.OPT_NON_STR_KEYS))
    return plain_values


def _heading(story: CaseStory, ending: StoryEnding, life: list[StoryVersion]) -> Text:
    text = Text()
    text.append(f"{story.case_id}", "bold")
    text.append(f"  {ending.workflow}", DIM)
    if ending.epoch:
        text.append(f"  epoch {ending.epoch}", DIM)
    text.append(f"  {ending.started_at:%Y-%m-%d %H:%M:%S} UTC  ", DIM)
    text.append(ending.outcome or "running", _colour(ending))
    last = ending.ended_at or max(one.occurred_at for one in life)
    text.append(f" after {_span(last - ending.started_at)}", DIM)
    return text


def _version(version: StoryVersion, life: list[StoryVersion]) -> list[RenderableType]:
    widest = min(28, max(len(one.agent) for one in life))
    line = Text("  ")
    line.append(f"{version.version:>3}  ", DIM)
    line.append(f"{version.agent:<{widest}}  ", "bold" if version.kind != "outcome" else "")
    line.append(version.reason, BAD if version.failed else GOOD)
    if version.degraded:
        line.append(f" (degraded: {version.degraded})", WARN)
    line.append(_went(version), WARN if version.failed else "")
    if version.kind == "undo":
        line.append("  undo", WARN)
    if version.took_over_from:
        line.append(f"  took over from {version.took_over_from}", WARN)
    if version.since_parent is not None:
        line.append(f"  +{_span(version.since_parent)}", DIM)
    if version.latency:
        line.append(f" (turn {_span(version.latency)})", DIM)
    if version.proof == "forged":
        line.append(f"  FORGED: {version.proof_detail}", BAD)
    if version.link == "broken":
        line.append("  its previous hash is of no version of this case", BAD)
    below = [line.copy() for line in _below(version)]
    return [line, *(Padding(one, (0, 0, 0, 7 + widest + 2), expand=False) for one in below)]


def _below(version: StoryVersion) -> list[Text]:
    lines = []
    if version.detail:
        lines.append(Text(version.detail, WARN if version.failed else DIM))
    if version.justification:
        lines.append(Text(version.justification, DIM))
    if version.tries:
        attempts = ", then ".join(f"{reason}, waited {_span(waited)}" for reason, waited in version.tries)
        lines.append(Text(f"{_counted(len(version.tries), 'attempt')} before: {attempts}", DIM))
    if isinstance(version.evidence, dict) and version.evidence:
        shown = "  ".join(f"{name}={_short(value)}" for name, value in version.evidence.items())
        lines.append(Text(shown, DIM))
    elif version.evidence:
        lines.append(Text(_short(version.evidence), DIM))
    return lines


def _went(version: StoryVersion) -> str:
    route = version.route or ""
    if version.kind == "operator" and route == "next":
        return f" → {version.topic.removesuffix('.inbox').rpartition('.')[2]} is given it"
    if route.startswith("to:"):
        return f" → {route[3:]} takes over"
    words = {
        "compensate": " → what was done is undone",
        "dead_letter": " → dead letter",
        "escalate": " → a person decides",
        "retry": " → tried again",
        "degrade": "",
    }
    return words.get(route, "")


def _letter(letter: StoryLetter) -> Text:
    text = Text("       dead letter  ", WARN)
    text.append(f"{letter.reason} of {letter.agent}, fingerprint {letter.fingerprint}", WARN)
    text.append(f"  {letter.topic}[{letter.partition}]@{letter.offset}", DIM)
    for step in letter.trail if isinstance(letter.trail, list) else []:
        text.append(f"\n         since: {_done_since(step)}", DIM)
    return text


def _done_since(step: Any) -> str:
    """One step of a letter's trail, in words where it has the words."""
    if not isinstance(step, dict) or not {"did", "at", "by", "because"} <= set(step):
        return _short(step)
    plan = f" (plan {step['plan']})" if step.get("plan") else ""
    return f"{step['did']} {str(step['at'])[:19].replace('T', ' ')} by {step['by']}: {step['because']}{plan}"


def _ending(ending: StoryEnding) -> Text:
    text = Text("  ")
    if ending.outcome is None:
        text.append("still running", WARN)
        return text
    text.append(ending.outcome, _colour(ending))
    if ending.failure_reason and ending.failure_reason != "ok":
        text.append(f" because of {ending.failure_reason}")
    if ending.agent:
        text.append(f" in {ending.agent}")
    if ending.detail:
        text.append(f": {ending.detail}")
    text.append(f"  ({_counted(ending.turns, 'turn')}, {_counted(ending.failures, 'failure')})", DIM)
    return text


def _still_done(life: list[StoryVersion]) -> list[Text]:
    """What a failed undo has left done, and who has to undo it."""
    lines = []
    for one in life:
        if one.kind != "undo" or not one.failed:
            continue
        said = one.evidence if isinstance(one.evidence, dict) else {}
        text = Text("  still done: ", BAD)
        text.append(f"{one.agent} {said.get('still_done', 'did its step')}", BAD)
        text.append(f"; to be undone by {said.get('owner') or 'whoever owns ' + one.agent}", WARN)
        lines.append(text)
    return lines


def _proof(story: CaseStory) -> Text:
    count = len(story.versions)
    proofs = Counter(one.proof for one in story.versions)
    broken = [one for one in story.versions if one.link == "broken"]
    text = Text("Hash chain: ")
    if broken:
        text.append(f"broken at version {', '.join(str(one.version) for one in broken)}", BAD)
    else:
        text.append("every link holds", GOOD)
    if proofs["forged"]:
        text.append(f"; {proofs['forged']} of {_counted(count, 'event')} FORGED", BAD)
    if proofs["verified"]:
        text.append(f"; {proofs['verified']} of {_counted(count, 'event')} read back from Kafka and verified", GOOD)
    if proofs["no longer in Kafka"]:
        text.append(f"; {proofs['no longer in Kafka']} no longer in Kafka", WARN)
    if proofs["not read back"]:
        text.append(f"; events not read back{': ' + story.unread_because if story.unread_because else ''}", WARN)
    return text


def _colour(ending: StoryEnding) -> str:
    return {"completed": GOOD, None: WARN, "compensated": WARN, "cancelled": WARN}.get(ending.outcome, BAD)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"


def _ms(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() * 1000, 3)


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 90:
        return f"{seconds:.1f} s"
    if abs(seconds) < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
