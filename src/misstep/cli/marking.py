"""What `misstep cancel` and `misstep kill` share: mark a running case, and wait until it has ended."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from misstep.bus.marks import mark_case
from misstep.bus.provision import connect
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.show import print_json
from misstep.composition import Environment
from misstep.contracts.control import Mark
from misstep.dlq.actor import Actor
from misstep.errors import AnswerIsNo
from misstep.store.connect import asking
from misstep.store.running import Life, newest_life

Case = Annotated[str, typer.Argument(help="The case's id.")]
InWorkflow = Annotated[
    str | None, typer.Option("--workflow", metavar="NAME", help="Of which workflow, when several have the case.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: it stands in the record.")]
By = Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Who does this; default: your login name.")]
Wait = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the case's outcome.")]


def login_name() -> str:
    """Who is sitting here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def now_text() -> str:
    """This moment, RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mark_and_wait(
    env: Environment,
    action: Literal["cancel", "kill"],
    case_id: str,
    *,
    workflow: str | None,
    actor: str | None,
    reason: str,
    wait_s: float,
    as_json: bool,
) -> None:
    """Mark the case's running life and tell how it ended. AnswerIsNo when it had ended already, or otherwise."""
    who = Actor.of(actor or login_name(), reason)
    namespace = env.settings.namespace
    with asking(env.dsn) as connection:
        life = newest_life(connection, namespace, case_id, workflow)
        if life.outcome is not None:
            raise AnswerIsNo(f"case {case_id} has ended already: {life.outcome}; there is nothing to {action}.")
    connect(env.bootstrap, KAFKA_PATIENCE_S)
    mark = Mark(action=action, actor=who.name, reason=who.reason, at=now_text())
    mark_case(env.bootstrap, namespace, life.workflow, case_id, life.epoch, mark)
    outcome = _outcome(env, case_id, life, wait_s)
    if as_json:
        said = {"case_id": case_id, "workflow": life.workflow, "epoch": life.epoch, "action": action}
        print_json({**said, "outcome": outcome})
    elif outcome is None:
        print(
            f"Case {case_id} is marked. It is stopped as soon as an agent takes it up; it stood at {life.last_agent}. "
            f"If that agent is down, the watchdog ends the case in its place. See: misstep why {case_id}"
        )
    else:
        print(f"Case {case_id} has ended: {outcome}.")
    if outcome is not None and outcome not in ("cancelled", "partly_compensated"):
        if not as_json:
            print("It had come to its own end before the mark was seen.")
        raise typer.Exit(AnswerIsNo.exit_code)


def _outcome(env: Environment, case_id: str, life: Life, wait_s: float) -> str | None:
    until = time.monotonic() + wait_s
    with asking(env.dsn) as connection:
        while True:
            now = newest_life(connection, env.settings.namespace, case_id, life.workflow)
            if now.outcome is not None or time.monotonic() > until:
                return now.outcome
            time.sleep(0.2)
