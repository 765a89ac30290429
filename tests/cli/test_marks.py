"""cancel, kill, pause and resume as an operator types them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from misstep.bus.topics import control_topic, ops_topic
from tests.cli.conftest import NOBODY, Cli, at
from tests.conftest import Servers
from tests.worker.conftest import until
from tests.worker.oracle import read_all

WHY = ("--reason", "a test", "--actor", "ann")


@pytest.fixture(scope="module")
def desk(servers: Servers, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """The project, running, with its first agent paused: cases wait."""
    cli = at(servers, project, tmp_path_factory.mktemp("data"))
    assert cli("apply").code == 0
    with (tmp_path_factory.mktemp("log") / "run.log").open("wb") as log:
        running = cli.start("run", stderr=log)
        try:
            assert cli("pause", "orders/price", *WHY).code == 0
            assert until(lambda: bool(read_all(servers.kafka, [control_topic(cli.namespace)])), 30)
            yield cli
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def publish(cli: Cli, *case_ids: str) -> None:
    lines = [orjson.dumps({"case_id": case_id, "text": "2 x nails @ 1.50"}) for case_id in case_ids]
    done = cli("publish", "orders", "-", stdin=b"\n".join(lines))
    assert done.code == 0, done.err
    assert until(lambda: all(cli("why", case_id).code == 0 for case_id in case_ids), 30)


def test_marked_cases_end_cancelled_and_others_do_not(desk: Cli) -> None:
    publish(desk, "wrong", "settled", "good")
    marked = desk("cancel", "wrong", *WHY, "--wait", "0")
    assert (marked.code, marked.err) == (0, "")
    assert "Case wrong is marked" in marked.out
    assert desk("kill", "settled", *WHY, "--wait", "0", "--json").json["outcome"] is None
    assert desk("resume", "orders/price", *WHY).code == 0

    def ended(case_id: str) -> str | None:
        outcome: str | None = desk("why", case_id, "--json").json["epochs"][0]["outcome"]
        return outcome

    assert until(lambda: all(ended(case_id) is not None for case_id in ("wrong", "settled", "good")), 40, 0.3)
    assert [ended(case_id) for case_id in ("wrong", "settled", "good")] == ["cancelled", "cancelled", "completed"]
    again = desk("cancel", "good", *WHY)
    assert again.code == 1
    assert "case good has ended already: completed" in again.sentence
    kafka = desk.variables["MISSTEP_KAFKA"]
    said = [orjson.loads(seen.value or b"") for seen in read_all(kafka, [ops_topic(desk.namespace)])]
    assert {(one["action"], one["actor"], one["reason"]) for one in said} >= {
        ("pause", "ann", "a test"),
        ("cancel", "ann", "a test"),
        ("kill", "ann", "a test"),
        ("resume", "ann", "a test"),
    }


def test_a_case_that_nobody_knows(applied: Cli) -> None:
    assert "no case nobody in namespace" in applied("cancel", "nobody", *WHY).sentence


def test_an_agent_that_is_not_there(applied: Cli) -> None:
    assert "Workflow orders has no agent 'prize'; it has " in applied("pause", "orders/prize", *WHY).sentence
    assert "names no agent; write WORKFLOW/AGENT" in applied("pause", "orders", *WHY).sentence


def test_an_agent_that_is_not_paused(applied: Cli) -> None:
    result = applied("resume", "orders/price", *WHY)
    assert result.code == 1
    assert result.sentence == "orders/price is not paused."


def test_a_reason_is_needed_and_must_say_something(applied: Cli) -> None:
    assert applied("cancel", "a").code == 2
    assert "--reason is empty; say why" in applied("cancel", "a", "--reason", " ").sentence


@pytest.mark.parametrize("command", [("pause", "orders/price"), ("resume", "orders/price")])
def test_kafka_that_cannot_be_reached(applied: Cli, command: tuple[str, ...]) -> None:
    result = applied(*command, *WHY, MISSTEP_KAFKA=NOBODY)
    assert result.code == 3, result
    assert NOBODY in result.sentence
