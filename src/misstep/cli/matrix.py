"""`misstep matrix show`, `check` and `cover`"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from misstep.cli.coverage import coverage_table, covered
from misstep.cli.options import AsJson, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.errors import AnswerIsNo, UsageError
from misstep.saga.architecture_check import FILE
from misstep.saga.matrix import matrix_json
from misstep.saga.matrix_check import check_project
from misstep.saga.matrix_markdown import matrix_markdown, with_block
from misstep.saga.matrix_text import matrix_text

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Show, check or walk what happens on each failure.\n\n"
    "The failure matrix says, agent by agent and reason by reason, where a case goes. It is declared in saga/, carried "
    f"out by the engine, and stands in words in {FILE}; `check` proves that the three agree, `cover` walks all of "
    "it.\n\n"
    "Example: [bold]misstep matrix show && misstep matrix check[/bold]",
)


@app.command()
def show(
    workflow: Annotated[str | None, typer.Argument(help="One workflow; default: all.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help=f"As {FILE} holds it.")] = False,
    write: Annotated[bool, typer.Option("--write", help=f"Put it into {FILE}, between its markers.")] = False,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Show what happens on each failure, agent by agent.

    Example: [bold]misstep matrix show invoice --markdown[/bold]
    """
    env = surroundings(project=project)
    plans = [env.plan(workflow)] if workflow is not None else list(env.plans.values())
    if not plans:
        raise UsageError(f"{env.project.root}/saga declares no workflow.")
    if write:
        file = env.project.root / FILE
        if not file.is_file():
            raise UsageError(f"There is no {file}; make it, with the lines that `misstep matrix check` asks for.")
        before = text = file.read_text("utf-8")
        for plan in plans:
            text = with_block(text, plan)
        if text != before:
            file.write_text(text, "utf-8")
        print(f"{FILE} {'holds the matrix as it was' if text == before else 'was brought up to date'}.")
    elif as_json:
        print_json([matrix_json(plan) for plan in plans] if workflow is None else matrix_json(plans[0]))
    elif markdown:
        print("\n\n".join(matrix_markdown(plan) for plan in plans))
    else:
        for plan in plans:
            console().print(matrix_text(plan))


@app.command()
def check(project: ProjectRoot = None, as_json: AsJson = False) -> None:
    """Find where the score, the agents' code and ARCHITECTURE.md disagree, and failures that go nowhere sound.

    Reads the agents' source: a failure that a signature does not name is found before it happens. Exit code 1 when
    there is an error; warnings are told.

    Example: [bold]misstep matrix check[/bold]
    """
    env = surroundings(project=project)
    findings = check_project(env.project)
    errors = [one for one in findings if one.level == "error"]
    if as_json:
        print_json({"holds": not errors, "findings": [one.as_json() for one in findings]})
    else:
        for one in findings:
            colour = "red" if one.level == "error" else "yellow"
            console().print(Text.assemble((one.level, colour), f" {one}"), soft_wrap=True)
        if not errors:
            names = ", ".join(env.project.choreographies)
            print(f"The matrix of {names} holds: score, agents and {FILE} agree.")
    if errors:
        raise typer.Exit(AnswerIsNo.exit_code)


@app.command()
def cover(
    workflow: Annotated[str | None, typer.Argument(help="One workflow; default: all.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every cell, and how its case went.")] = False,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Walk every cell of the matrix: force each failure on an example, and see that it ends as the score says.

    In memory, on a virtual clock, through the decisions that the workers take; no server is needed. The examples are
    those that the score names: Choreography(..., examples="examples/orders.jsonl"). An agent's dependencies are its
    provider's stand_in. A cell that no turn can come to (the undo of an agent that has none) does not count. Exit code
    1 when a cell is unwalked.

    Example: [bold]misstep matrix cover invoice --verbose[/bold]
    """
    env = surroundings(project=project)
    if workflow is not None:
        env.plan(workflow)  # says which there are, when this is none of them
    scores = [env.project.choreographies[workflow]] if workflow else list(env.project.choreographies.values())
    if not scores:
        raise UsageError(f"{env.project.root}/saga declares no workflow.")
    coverage = []
    with Console(stderr=True).status("walking") as status:
        for score in scores:
            status.update(f"walking {score.name}")
            coverage.append(covered(env.plans[score.name], score, env.project.root))
    if as_json:
        whole = not any(one.unwalked for one in coverage)
        print_json({"covered": whole, "workflows": [one.as_json() for one in coverage]})
    else:
        console().print(coverage_table(coverage))
        for one in coverage:
            if verbose and one.walk is not None:
                print(one.walk)
            for line in [] if verbose and one.walk is not None else one.why_unwalked:
                console().print(Text.assemble(("unwalked", "red"), f" {line}"), soft_wrap=True)
    if any(one.unwalked for one in coverage):
        raise typer.Exit(AnswerIsNo.exit_code)
