"""`misstep bisect`"""

from __future__ import annotations

import contextlib
import math
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from misstep.cli.options import AsJson, Kafka, Namespace, Postgres, ProjectRoot
from misstep.cli.predicate import Predicate, read_check, read_expression
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.errors import AnswerIsNo, ServerUnreachable, UsageError
from misstep.saga.mount import mount_rooms
from misstep.saga.rooms import find_project
from misstep.store.case_story import CaseStory, StoryVersion
from misstep.store.culprit import Probe, Search, find_culprit
from misstep.store.probing import Prober
from misstep.store.why import case_story

app = typer.Typer(add_completion=False)
_WORDS = {True: ("good", "green"), False: ("bad", "bold red"), None: ("says nothing", "dim")}


@app.command()
def bisect(
    case: Annotated[str, typer.Argument(help="The case's id.")],
    good: Annotated[
        str, typer.Option(metavar="EXPR", help="What holds of a good payload: 'points >= 600', 'points == total'.")
    ] = "",
    check: Annotated[
        str, typer.Option(metavar="WHERE:FUNCTION", help="Or a function of the payload: checks.py:adds_up.")
    ] = "",
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="In one workflow, if it ran in several.")] = None,
    kafka: Kafka = None,
    postgres: Postgres = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Find who first got something wrong in a case, in log2 steps.

    A case's versions are never changed, so what was good and where it became bad can be searched for: each step reads
    one version back from Kafka, proves it by its hash, and judges its payload. A version that lacks what is asked
    about says nothing and is stepped around. Versions that follow from a bad one must be bad too. Exit code 1 when no
    version is bad.

    Example: [bold]misstep bisect 213459 --good 'points >= 640'[/bold]
    """
    predicate = _predicate(good, check, project)
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    dsn = env.dsn
    try:
        bootstrap: str | None = env.bootstrap
    except ServerUnreachable:
        bootstrap = None  # the audit is believed, and that is said
    with Console(stderr=True).status("bisecting") as status:
        story, search = bisect_case(
            dsn,
            bootstrap,
            env.settings.namespace,
            case,
            predicate,
            workflow=workflow,
            meanwhile=lambda one: status.update(f"version {one.version} of {one.agent}"),
        )
    if as_json:
        print_json(search_json(story, predicate, search))
    else:
        _tell(console(), story, predicate, search)
    if search.culprit is None:
        raise typer.Exit(AnswerIsNo.exit_code)


def bisect_case(
    dsn: str,
    bootstrap: str | None,
    namespace: str,
    case: str,
    predicate: Predicate,
    *,
    workflow: str | None = None,
    meanwhile: Any = None,
) -> tuple[CaseStory, Search]:
    """Search one case. bootstrap: None believes the audit. Raises AnswerIsNo for a case that is not there."""
    story = case_story(dsn, namespace, case, workflow=workflow)
    workflows = sorted({one.workflow for one in story.versions})
    if len(workflows) > 1:
        raise UsageError(f"Case {case} ran in {' and '.join(workflows)}; name one with --workflow.")
    prober = Prober(dsn, bootstrap, story)

    def judge(version: StoryVersion) -> bool | None:
        if meanwhile is not None:
            meanwhile(version)
        good = predicate.judge(version.payload)
        if good is not None:  # what says nothing needs no proof of it
            prober.prove(version)
        return good

    return story, find_culprit(story.versions, judge)


def most_steps(versions: int) -> int:
    """What a search over so many versions takes at most, when none of them is silent and none lies on a branch."""
    return math.ceil(math.log2(versions)) if versions > 1 else 0


def search_json(story: CaseStory, predicate: Predicate, search: Search) -> dict[str, Any]:
    """As `misstep bisect --json` prints it."""
    return {
        "case_id": story.case_id,
        "namespace": story.namespace,
        "good": predicate.text,
        "found": search.culprit is not None,
        "culprit": None if search.culprit is None else _version_json(search.culprit, predicate),
        "followed_from": [_version_json(one, predicate) for one in search.last_good],
        "silent": [_version_json(one, predicate) for one in search.silent],
        "versions": search.searched,
        "ends": search.ends,
        "steps": search.steps,
        "probes": [{**_version_json(one.version, predicate), "good": one.good} for one in search.probes],
        "unread_because": story.unread_because,
    }


def _predicate(good: str, check: str, project: Any) -> Predicate:
    if bool(good) == bool(check):
        raise UsageError("Say what a good payload is: either --good 'points >= 600' or --check checks.py:adds_up.")
    if good:
        return read_expression(good)
    with contextlib.suppress(UsageError):  # a function may import the project's rooms, where there is a project
        mount_rooms(project if project is not None else find_project())
    return read_check(check)


def _version_json(version: StoryVersion, predicate: Predicate) -> dict[str, Any]:
    return {
        "workflow": version.workflow,
        "epoch": version.epoch,
        "version": version.version,
        "agent": version.agent,
        "build": version.build,
        "topic": version.topic,
        "partition": version.partition,
        "offset": version.offset,
        "occurred_at": version.occurred_at,
        "says": predicate.shown(version.payload),
        "proof": version.proof,
    }


def _tell(out: Console, story: CaseStory, predicate: Predicate, search: Search) -> None:
    table = Table("step", "version", "agent", "where it stands", "", "says", "read from", title_justify="left")
    table.title = f"{story.case_id}: is {predicate.text}?"
    for number, probe in enumerate(search.probes):
        table.add_row(*_row(number - search.ends + 1, probe, predicate))
    out.print(table)
    if story.unread_because:
        out.print(Text(f"Judged by the audit alone: {story.unread_because}", style="yellow"), soft_wrap=True)
    culprit = search.culprit
    if culprit is None:
        said = any(probe.good is not None for probe in search.probes)
        out.print("No version is bad." if said else "No version says anything about it: is the path right?")
        return
    steps = f"{search.steps} step{'' if search.steps == 1 else 's'} over {search.searched} versions"
    if culprit.kind == "case":
        out.print(Text.assemble("The case ", ("came in so", "bold red"), f": version 0 is bad already ({steps})."))
        return
    by = Text.assemble((culprit.agent, "bold red"), f" began it at version {culprit.version}")
    if culprit.epoch:
        by.append(f" of epoch {culprit.epoch}")
    by.append(f", by build {culprit.build or 'unnamed'}, {culprit.occurred_at:%Y-%m-%d %H:%M:%S} ({steps}).")
    out.print(by, soft_wrap=True)
    out.print(f"  it stands at  {_place(culprit)}", soft_wrap=True, markup=False)
    for one in search.last_good:
        said_by_it = predicate.shown(one.payload)
        before = f"version {one.version} of {one.agent}" + (f": {said_by_it}" if said_by_it else "")
        out.print(f"  it followed   {before}", soft_wrap=True, markup=False)
    if predicate.shown(culprit.payload):
        out.print(f"  and said      {predicate.shown(culprit.payload)}", soft_wrap=True, markup=False)
    if culprit.justification:
        out.print(f"  because       {culprit.justification}", soft_wrap=True, markup=False)
    if search.silent:
        names = ", ".join(f"{one.version} of {one.agent}" for one in search.silent)
        out.print(f"  silent        versions {names} say nothing, and may have begun it", soft_wrap=True, markup=False)


def _row(step: int, probe: Probe, predicate: Predicate) -> list[str | Text]:
    version = probe.version
    read = {"verified": "Kafka, proved", "no longer in Kafka": "the audit; Kafka has it no more"}
    return [
        "end" if step < 1 else str(step),
        f"{version.epoch}/{version.version}" if version.epoch else str(version.version),
        version.agent,
        Text(_place(version)),
        Text(*_WORDS[probe.good]),
        Text(predicate.shown(version.payload)),
        read.get(version.proof, "the audit"),
    ]


def _place(version: StoryVersion) -> str:
    return f"{version.topic}[{version.partition}]@{version.offset}"
