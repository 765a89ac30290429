"""What a run came to, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from misstep.testing.chaos.oracle import by_rule
from misstep.testing.chaos.violation import RULES
from tests.chaos.phase import Phase

SHOWN = 30


def write_report(stem: Path, run: dict[str, Any], phases: Sequence[Phase]) -> None:
    """`{stem}.json` and `{stem}.md`."""
    stem.with_suffix(".json").write_text(json.dumps({**run, "phases": [asdict(phase) for phase in phases]}, indent=1))
    stem.with_suffix(".md").write_text(markdown(run, phases))


def markdown(run: dict[str, Any], phases: Sequence[Phase]) -> str:
    """The report as text."""
    violations = sum(len(phase.violations) for phase in phases)
    played = [phase for phase in phases if not phase.not_here]
    lines = [
        "# Chaos",
        "",
        f"Seed {run['seed']}, {run['minutes']:.1f} minutes, {sum(phase.acknowledged for phase in played)} cases "
        f"acknowledged, {sum(phase.events for phase in played)} events, "
        f"{sum(len(phase.occurrences) for phase in played)} faults, **{violations} violations**.",
        "",
        f"Machine: {run['machine']}. Carrying on: {run['carry']}. Command: `{run['command']}`.",
        "",
        "Recovery: from the fault's end to the next outcome. Silence: the longest time without an outcome from the "
        "fault's beginning to 5 s after its end (the load is steady). Caught up: from the fault's end until all that "
        "was acknowledged had ended.",
        "",
        "| fault | cases | events | recovery s | silence s | caught up s | violations |",
        "|---|---|---|---|---|---|---|",
    ]
    for phase in phases:
        if phase.not_here:
            lines.append(f"| {phase.name} | | | | | | not run here, because {phase.not_here} |")
            continue
        recoveries = [one.recovery_s for one in phase.occurrences]
        recovery = "never" if None in recoveries else f"{max((one or 0.0 for one in recoveries), default=0.0):.1f}"
        silence = max((one.silence_s for one in phase.occurrences), default=0.0)
        caught = "not" if phase.caught_up_s is None else f"{phase.caught_up_s:.1f}"
        lines.append(
            f"| {phase.name} | {phase.acknowledged} | {phase.events} | {recovery} | {silence:.1f} | {caught} | "
            f"{len(phase.violations)} |"
        )
    lines += ["", "## What was done", ""]
    for phase in phases:
        lines.append(f"### {phase.name}: {phase.what}")
        lines.append("")
        for one in phase.occurrences:
            lines.append(f"- {one.began_s:.1f} to {one.ended_s:.1f} s: {one.fault}: {one.hit}")
        for name, words in phase.outcomes.items():
            lines.append(f"- {name}: {', '.join(f'{count} {word}' for word, count in words.items()) or 'nothing'}")
        lines += [f"- {note}" for note in phase.notes]
        lines += [f"- {count} times {incident}" for incident, count in phase.incidents.items()]
        lines += [f"- **gave up**: {name} had ended for good" for name in phase.gave_up]
        if phase.broke:
            lines.append(f"- **broken off**: {phase.broke}")
        if phase.violations:
            lines += ["", f"Violations: {by_rule(phase.violations)}", ""]
            for violation in phase.violations[:SHOWN]:
                lines.append(f"- **{violation.rule}** ({RULES.get(violation.rule, '')}): {violation}")
                lines += [f"    - `{event}`" for event in violation.shown]
        lines.append("")
    return "\n".join(lines)
