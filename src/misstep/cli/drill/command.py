"""`misstep drill`"""

# No `from __future__ import annotations` here: each drill's command is made in a loop, and its defaults stand in its
# annotations, which must be what they are when the command is made.

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from misstep.cli.drill.chart import write_chart
from misstep.cli.drill.drill import Drill
from misstep.cli.drill.drills import DRILLS
from misstep.cli.drill.environment import for_drill
from misstep.cli.drill.setup import Setup
from misstep.cli.drill.stage import staged
from misstep.cli.interrupts import Interrupts
from misstep.cli.options import AsJson, Kafka, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.staging.namespaces import new_namespace
from misstep.cli.surroundings import surroundings
from misstep.dev.progress import Lines, Silent, Terminal
from misstep.errors import AnswerIsNo, UsageError
from misstep.logs import configure_logs

SEED = 7

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help="Try a promise on real servers, with faults on purpose.\n\n"
    "Without a name: the list of drills. Each starts the servers if none are given, takes a namespace of its own, "
    "prints a table, writes a plot (drill-NAME.svg), and ends with exit code 1 when its promise does not hold. Faults "
    "are drawn from the seed, stated, and the same for both sides of a comparison.\n\n"
    "Example: [bold]misstep drill cascade[/bold]",
)


@app.callback()
def listing(context: typer.Context, as_json: AsJson = False) -> None:
    """List the drills."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        print_json([{"drill": one.name, "promise": one.summary} for one in DRILLS])
        return
    table = Table("drill", "what it promises", title="misstep drill NAME", title_justify="left")
    for one in DRILLS:
        table.add_row(one.name, one.summary)
    console().print(table)


def add(drill: Drill) -> None:
    """Make a drill's command."""

    def command(
        cases: Annotated[int, typer.Option(min=drill.fewest, metavar="N", help=drill.cases_are)] = drill.cases,
        scale: Annotated[
            float, typer.Option(min=0.001, max=10, help=drill.scale_is, hidden=drill.scale is None)
        ] = drill.scale or 1.0,
        seed: Annotated[int, typer.Option(help="Chooses whom the faults meet.")] = SEED,
        out: Annotated[Path, typer.Option(metavar="DIR", help="Where the plot goes.")] = Path(),
        sabotage: Annotated[bool, typer.Option("--sabotage", help=f"See it say no: {drill.sabotage}.")] = False,
        keep: Annotated[bool, typer.Option("--keep", help="Leave the drill's topics in Kafka.")] = False,
        kafka: Kafka = None,
        postgres: Postgres = None,
        project: ProjectRoot = None,
        as_json: AsJson = False,
    ) -> None:
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out} is a file; name a directory.")
        setup = Setup(drill.name, seed, cases, scale, sabotage)
        play(drill, setup, kafka, postgres, project, out / f"drill-{drill.name}.svg", keep=keep, as_json=as_json)

    example = f"Example: [bold]misstep drill {drill.name}[/bold]"
    app.command(drill.name, help=f"{drill.summary}\n\n{drill.teaches}\n\n{example}")(command)


def play(
    drill: Drill,
    setup: Setup,
    kafka: str | None,
    postgres: str | None,
    project: Path | None,
    plot: Path,
    *,
    keep: bool,
    as_json: bool,
) -> None:
    """Play one drill and say what came of it; exit code 1 when its promise does not hold."""
    configure_logs("error")
    namespace = new_namespace("drill")
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=namespace)
    out = console()
    progress = Silent() if as_json else Terminal(out) if out.is_terminal else Lines(sys.stdout)
    with (
        Interrupts() as interrupts,
        staged(for_drill(env, setup, drill.rooms), interrupts, Console(stderr=True), progress, keep=keep) as stage,
    ):
        report = drill.play(stage)
        write_chart(report.chart, plot)
    if as_json:
        said = {"drill": drill.name, "promise": drill.summary, "namespace": namespace, "seed": setup.seed}
        print_json({**said, "cases": setup.cases, "scale": setup.scale, **report.as_json(), "plot": str(plot)})
    else:
        report.show(out, plot)
    if not report.holds:
        raise typer.Exit(AnswerIsNo.exit_code)


for one in DRILLS:
    add(one)
