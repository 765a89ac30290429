"""`misstep publish`"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer
from rich.console import Console

from misstep.agents.duration import duration_ms
from misstep.bus.provision import connect
from misstep.bus.publish import CasePublisher
from misstep.cli.applying import KAFKA_PATIENCE_S
from misstep.cli.await_outcomes import await_outcomes
from misstep.cli.cases_file import NO_JSON, BadLine, open_cases, read_cases
from misstep.cli.options import AsJson, Kafka, Namespace, ProjectRoot
from misstep.cli.outcome_summary import COMPLETED, outcome_json, outcome_table, percentile
from misstep.cli.outcome_watch import Ended, OutcomeWatch
from misstep.cli.show import console, print_json
from misstep.cli.surroundings import surroundings
from misstep.contracts.event import CASES, case_id_of
from misstep.errors import AnswerIsNo, ServerUnreachable, UsageError

app = typer.Typer(add_completion=False)

SHOWN_MAX = 10
FLUSH_S = 30.0


@dataclass
class Published:
    """What became of a file."""

    sent: int = 0
    sent_at: dict[str, float] = field(default_factory=dict)
    """Case id -> seconds since the epoch."""
    repeated: int = 0
    bad: list[BadLine] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(case id, why) of what Kafka did not take."""
    unacknowledged: int = 0


@app.command()
def publish(
    workflow: Annotated[str, typer.Argument(help="The workflow that the cases are for.")],
    file: Annotated[str, typer.Argument(help="JSON lines, one case a line (.gz is unpacked); - is standard input.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until every case has ended, and say how.")] = False,
    id_field: Annotated[str, typer.Option(metavar="NAME", help="The field that holds the case's id.")] = "case_id",
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="With --wait: give up when no case has ended for that long.")
    ] = "2m",
    kafka: Kafka = None,
    namespace: Namespace = None,
    project: ProjectRoot = None,
    as_json: AsJson = False,
) -> None:
    """Publish cases from a file of JSON lines.

    The case's value is the line as it is. A line that is not JSON, has no id or is too large is reported by its number
    and not sent; all others are. JSON that does not fit the contract is sent: the choreography says schema_invalid.
    Exit code 1 when a line was not sent, or with --wait when a case did not complete.

    Example: [bold]misstep publish invoice examples/receipts.jsonl --id-field receipt_id --wait[/bold]
    """
    patience_s = duration_ms(timeout, what="--timeout") / 1000
    env = surroundings(project=project, kafka=kafka, namespace=namespace)
    plan, topics = env.plan(workflow), env.topics(workflow)
    errors = Console(stderr=True, highlight=False)
    with open_cases(file) as lines:
        there = connect(env.bootstrap, KAFKA_PATIENCE_S).list_topics(timeout=KAFKA_PATIENCE_S).topics
        if topics.cases not in there:
            raise UsageError(f"Topic {topics.cases} does not exist; run `misstep apply` first.")
        watch = OutcomeWatch(env.bootstrap, topics) if wait else None
        done = Published()
        publisher = CasePublisher(env.bootstrap, topics, plan.starts, log_level=0)
        try:
            for line in read_cases(lines, id_field):
                if isinstance(line, BadLine):
                    done.bad.append(line)
                    continue
                try:
                    publisher.publish(line.case_id, line.value)
                except UsageError as error:
                    done.bad.append(BadLine(line.number, str(error)))
                    continue
                done.sent += 1
                known_as = case_id_of(line.case_id.encode(), CASES, 0, 0)
                if known_as in done.sent_at:
                    done.repeated += 1
                done.sent_at.setdefault(known_as, time.time())
        finally:
            done.unacknowledged = publisher.flush(FLUSH_S)
    done.refused = publisher.failed
    _raise_for_nothing(done, "standard input" if file == "-" else file, id_field)
    if not as_json:
        _say_sent(done, workflow, topics.cases, id_field)
    _raise_for_kafka(done)
    ended: list[Ended] = []
    if watch is not None:
        wanted = {one for one in done.sent_at if one not in dict(done.refused)}
        ended = await_outcomes(watch, wanted, patience_s, errors)
        watch.close()
    missing = [one for one in done.sent_at if one not in {end.case_id for end in ended}] if wait else []
    if as_json:
        print_json(_json(done, ended, missing, wait))
    elif wait and done.sent:
        _say_ended(done, ended, missing, patience_s)
    if done.bad or not done.sent or missing or any(one.outcome != COMPLETED for one in ended):
        raise typer.Exit(AnswerIsNo.exit_code)


def _raise_for_nothing(done: Published, name: str, id_field: str) -> None:
    """Raises AnswerIsNo when there was nothing to send, no line was JSON, or no line had an id."""
    if not done.sent and not done.bad:
        raise AnswerIsNo(f"{name} is empty: there is no case to publish.")
    if not done.sent and all(line.why.startswith(NO_JSON) for line in done.bad):
        first = done.bad[0]
        raise AnswerIsNo(
            f"No line of {name} is JSON, so nothing was sent (line {first.number} {first.why}); "
            "write one JSON object a line."
        )
    if not done.sent and all(line.why == f"has no {id_field}" for line in done.bad):
        raise AnswerIsNo(f"No line of {name} has a {id_field}, so nothing was sent{_suggestion(done.bad)}")


def _say_sent(done: Published, workflow: str, topic: str, id_field: str) -> None:
    for line in done.bad[:SHOWN_MAX]:
        print(f"Not sent: line {line.number} {line.why}", file=sys.stderr)
    if len(done.bad) > SHOWN_MAX:
        print(f"Not sent: {len(done.bad) - SHOWN_MAX} more lines; --json lists them all", file=sys.stderr)
    without_id = [line for line in done.bad if line.why == f"has no {id_field}"]
    if without_id:
        print(f"{len(without_id)} lines have no {id_field}{_suggestion(without_id)}", file=sys.stderr)
    print(f"Published {done.sent} case{'' if done.sent == 1 else 's'} of {workflow} to {topic}.", flush=True)
    if done.repeated:
        print(f"{done.repeated} of them repeat an id of this file: a case that is published twice runs once.")


def _suggestion(lines: list[BadLine]) -> str:
    """The fields that all of these lines have and that look like ids, as the end of a sentence."""
    common = [name for name in lines[0].like_ids if all(name in line.like_ids for line in lines)]
    if not common:
        return "; name the field that holds the id with --id-field."
    return f"; did you mean {' or '.join(f'--id-field {name}' for name in common[:3])}?"


def _raise_for_kafka(done: Published) -> None:
    if done.refused:
        case_id, why = done.refused[0]
        raise ServerUnreachable(
            f"Kafka did not take {len(done.refused)} of {done.sent} cases (the first is {case_id}: {why}); the others "
            "were published, and publishing the file again runs each case once."
        )
    if done.unacknowledged:
        raise ServerUnreachable(
            f"Kafka has not acknowledged {done.unacknowledged} of {done.sent} cases after {FLUSH_S:g} s; publish the "
            "file again when it is back: a case that is published twice runs once."
        )


def _latencies(done: Published, ended: list[Ended]) -> list[float]:
    """Seconds from a case's publication to its outcome; cases that had ended before are left out."""
    took = [(one.seen_at - done.sent_at[one.case_id]) for one in ended if one.seen_at]
    return [seconds for seconds in took if seconds >= 0]


def _json(done: Published, ended: list[Ended], missing: list[str], wait: bool) -> dict[str, object]:
    said: dict[str, object] = {
        "published": done.sent,
        "repeated_ids": done.repeated,
        "not_sent": [{"line": line.number, "why": line.why} for line in done.bad],
    }
    if wait:
        took = _latencies(done, ended)
        said["outcomes"] = outcome_json(ended)
        said["cases"] = [asdict(one) for one in ended]
        said["without_outcome"] = missing
        said["seconds"] = {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}
    return said


def _say_ended(done: Published, ended: list[Ended], missing: list[str], patience_s: float) -> None:
    out = console()
    out.print(outcome_table(ended, len(missing)))
    took = _latencies(done, ended)
    if took:
        out.print(
            f"From publish to outcome: p50 {percentile(took, 0.5):.2f} s, p99 {percentile(took, 0.99):.2f} s "
            f"({len(took)} cases, published in one go)."
        )
    before = sum(not one.seen_at for one in ended)
    if before:
        out.print(f"{before} had been published and had ended before; they did not run again.")
    if missing:
        out.print(
            f"{len(missing)} had no outcome when no case had ended for {patience_s:g} s, {missing[0]} among them: is "
            "`misstep run` running?",
            markup=False,
        )
    failed = next((one for one in ended if one.outcome != COMPLETED), None)
    if failed is not None:
        out.print(f"Next: misstep why {failed.case_id}", markup=False)
