"""`misstep matrix check`: do the table in `ARCHITECTURE.md`, the score and the agents' code say the same?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from misstep.agents.plan import Plan
from misstep.agents.wiring import Wiring
from misstep.errors import UsageError
from misstep.saga.architecture_check import FILE, check_architecture, check_leftovers
from misstep.saga.case_states import follow
from misstep.saga.choreography import Choreography
from misstep.saga.code_check import check_code
from misstep.saga.compile import compile_plan
from misstep.saga.finding import Finding
from misstep.saga.flow_check import check_flow
from misstep.saga.reasons_check import check_reasons
from misstep.saga.rooms import Project
from misstep.saga.row_check import check_rows
from misstep.saga.score_map import map_of
from misstep.saga.soundness import unsound


def check_project(project: Project) -> list[Finding]:
    """Check every score of a project against its agents, its wiring and its ARCHITECTURE.md. Errors come first."""
    file = project.root / FILE
    text = file.read_text(encoding="utf-8") if file.is_file() else None
    findings = [
        finding
        for score in project.choreographies.values()
        for finding in (*check_score(score, project.wiring), *_compiled(score, project.wiring, text))
    ]
    findings += check_leftovers(text, project.choreographies)
    if not project.choreographies:
        findings.append(
            Finding("error", "saga/ declares no workflow; write `name = Choreography(...)` in saga/name.py.")
        )
    return sorted((_from_root(finding, project.root) for finding in findings), key=lambda finding: finding.level)


def check_score(score: Choreography, wiring: Wiring | None = None) -> list[Finding]:
    """Check a score and its agents' code; with a wiring, what agents call is looked up in it. Errors come first."""
    try:
        map_ = map_of(score)
    except UsageError as error:
        return [Finding("error", str(error))]
    states = follow(map_)
    findings = [
        *unsound(score, map_),
        *check_rows(score, map_),
        *check_reasons(score, map_),
        *check_flow(score, map_, states),
        *check_code(score, states, wiring.dependency_names if wiring is not None else None),
    ]
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.level)


def _from_root(finding: Finding, root: Path) -> Finding:
    """The same with its places told from the project's root, so that it reads alike on every machine."""
    here = f"{root}{os.sep}"
    return replace(finding, message=finding.message.replace(here, ""), where=finding.where.removeprefix(here))


def _compiled(score: Choreography, wiring: Wiring, text: str | None) -> Iterator[Finding]:
    plan = _plan_of(score)
    if isinstance(plan, Finding):
        yield plan
    elif plan is not None:
        try:
            wiring.check(plan)
        except UsageError as error:
            yield Finding("error", str(error))
        yield from check_architecture(plan, text)


def _plan_of(score: Choreography) -> Plan | Finding | None:
    """The plan; a finding when the engine does not carry the score out yet; None when it is found unsound anyway."""
    try:
        map_ = map_of(score)
        if next(unsound(score, map_), None) is not None:
            return None
        return compile_plan(score)
    except UsageError as error:
        return Finding("error", str(error))
