"""What a person is given when a fine is handed over: a question, what is known, and what could be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rooms.contracts.outreach import Handover

from misstep import Escalated

_QUESTIONS = {
    ("intake", "schema_invalid"): "The register's entry cannot be read: what does it have to say?",
    ("compliance_check", "schema_invalid"): "The register contradicts itself: which of its figures is right?",
    ("compliance_check", "compliance_fail"): "A rule forbids the letter: close the case, or write later?",
    ("drafter_fallback", "model_down"): "No drafter answers: wait for them, or write the letter by hand?",
    ("drafter_fallback", "latency_blow"): "The drafters take too long: wait for them, or write the letter by hand?",
    ("reviewer", "handoff_exhausted"): "No draft was good enough: which of the faults matter, and who writes it?",
}
_SHOWN = ("rule", "law", "threshold", "score", "missing", "drafted_by", "model", "fields", "first_reason")
_LINE_MAX_CHARS = 300


def hand_over(escalated: Escalated) -> Handover:
    """The case as a person should see it, whatever state it came in."""
    return Handover(
        fine_id=_fine_id(escalated.payload),
        agent=escalated.agent,
        reason=escalated.reason,
        question=_QUESTIONS.get(
            (escalated.agent, escalated.reason), f"{escalated.agent} could not go on: what should happen to the case?"
        ),
        summary=tuple(_lines(escalated)),
        suggestions=tuple(_suggestions(escalated.suggestions)),
    )


def _fine_id(payload: object) -> str:
    if not isinstance(payload, Mapping):
        return ""
    found = payload.get("fine_id")
    brief = payload.get("brief")
    if found is None and isinstance(brief, Mapping):
        found = brief.get("fine_id")
    return str(found)[:100] if found is not None else ""


def _lines(escalated: Escalated) -> list[str]:
    lines = [escalated.detail or "It does not say why."]
    lines += [f"{name}: {_text(escalated.evidence[name])}" for name in _SHOWN if name in escalated.evidence]
    if escalated.payload is None:
        lines.append(f"What it was given cannot be read: {len(escalated.raw)} bytes, kept with the case.")
    return [line[:_LINE_MAX_CHARS] for line in lines]


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(map(_text, value))
    return str(value)


def _suggestions(suggestions: Sequence[object]) -> list[str]:
    said = []
    for one in suggestions:
        if isinstance(one, Mapping) and "as_of" in one:
            said.append(f"look at it again on {one['as_of']}")
        else:
            said.append(_text(one)[:_LINE_MAX_CHARS])
    return said
