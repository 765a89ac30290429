"""The commands: name, the module that holds it, and its one line in `misstep --help`."""

from __future__ import annotations

from typing import Final, NamedTuple


class Command(NamedTuple):
    """One command. Its module has a Typer app called `app`; it is imported when the command is called."""

    name: str
    module: str
    summary: str
    """The first line of the command's own help."""


COMMANDS: Final = (
    Command("demo", "misstep.cli.demo.command", "Run the bundled workflow end to end, faults included."),
    Command("drill", "misstep.cli.drill.command", "Try a promise on real servers, with faults on purpose."),
    Command("new", "misstep.cli.new", "Make a new project with the four rooms, ready to run."),
    Command("up", "misstep.cli.up", "Start the embedded Kafka and Postgres."),
    Command("down", "misstep.cli.down", "Stop the embedded Kafka and Postgres; their data stays."),
    Command("status", "misstep.cli.status", "Say where Kafka and Postgres are and whether they answer."),
    Command("apply", "misstep.cli.apply", "Make topics, contracts and tables as the project declares them."),
    Command("run", "misstep.cli.run", "Run the agents and the audit until Ctrl-C."),
    Command("publish", "misstep.cli.publish", "Publish cases from a file of JSON lines."),
    Command("taxonomy", "misstep.cli.taxonomy", "Count what went wrong, by reason and agent."),
    Command("why", "misstep.cli.why", "Tell how a case got where it is, and prove it."),
    Command("bisect", "misstep.cli.bisect", "Find who first got something wrong in a case, in log2 steps."),
    Command("watch", "misstep.cli.watch", "Watch how many turns fail, by agent and reason, until Ctrl-C."),
    Command("dlq", "misstep.cli.dlq", "Look through dead letters, and put them away."),
    Command("redrive", "misstep.cli.redrive", "Send dead letters back to the agents that failed."),
    Command("cancel", "misstep.cli.cancel", "Take a running case back."),
    Command("kill", "misstep.cli.kill", "End a running case as it stands, without undoing anything."),
    Command("pause", "misstep.cli.pause", "Let an agent stand still; its input waits in Kafka."),
    Command("resume", "misstep.cli.resume", "Let a paused agent go on."),
    Command("queue", "misstep.cli.queue", "Answer the cases that wait for a person."),
    Command("matrix", "misstep.cli.matrix", "Show, check or walk what happens on each failure."),
    Command("contracts", "misstep.cli.contracts", "Lock, check or show what agents may say to each other."),
)
