"""`misstep demo`"""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from misstep.cli.called_as import called_as
from misstep.cli.demo.report import demo_json, print_report
from misstep.cli.demo.stage import staged
from misstep.cli.interrupts import Interrupts
from misstep.cli.options import AsJson, Kafka, Postgres, ProjectRoot
from misstep.cli.show import console, print_json
from misstep.cli.staging.namespaces import new_namespace
from misstep.cli.surroundings import surroundings
from misstep.dev.progress import Lines, Silent, Terminal
from misstep.errors import AnswerIsNo
from misstep.logs import configure_logs

app = typer.Typer(add_completion=False)
WATCH_S = 0.2


@app.command()
def demo(
    hold: Annotated[bool, typer.Option("--hold", help="Leave everything running until Ctrl-C.")] = False,
    receipts: Annotated[int | None, typer.Option(metavar="N", help="Only the first N receipts; default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses which receipts meet a fault.")] = 7,
    kafka: Kafka = None,
    postgres: Postgres = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Run the bundled workflow end to end, faults included.

    Starts the servers, makes the topics of a fresh namespace, runs the agents, publishes 120 scanned receipts with
    faults on purpose, and shows how every case ended, the failure taxonomy, and why one case failed. Then it stops what
    it started. Exit code 1 when a case is unaccounted for.

    Example: [bold]misstep demo --hold[/bold]
    """
    configure_logs("error")
    env = surroundings(project=project, kafka=kafka, postgres=postgres, namespace=new_namespace("demo"))
    out = console()
    errors = Console(stderr=True, highlight=False)
    progress = Silent() if as_json else Terminal(out) if out.is_terminal else Lines(sys.stdout)
    with Interrupts() as interrupts:
        holding = False
        try:
            with staged(env, interrupts, errors, progress, receipts=receipts, seed=seed) as run:
                if as_json:
                    print_json(demo_json(run, env))
                else:
                    print_report(run, env, out, called_as(), hold=hold)
                holding = hold
                while hold:
                    run.agents.check()
                    time.sleep(WATCH_S)
        except KeyboardInterrupt:
            if not holding:
                raise
    if not run.books.balance or not run.audited:
        raise typer.Exit(AnswerIsNo.exit_code)
