"""All fines through the real broker, once as they are and once with models that fail; beside what their events say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from misstep.bus.topics import Topics
from tests.cli.conftest import ROOT, Cli, at
from tests.conftest import Servers
from tests.outreach.register import forbidden, owed
from tests.worker import oracle

AGENTS = ["intake", "compliance_check", "drafter_primary", "drafter_fallback", "reviewer", "escalation"]
FAULTS = "seed=4,down=0.3,careless=0.3,nonsense=0.2"


@contextmanager
def running(cli: Cli, log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        run = cli.start("run", "outreach", stderr=output)
    try:
        yield
    finally:
        run.terminate()
        run.communicate(timeout=60)
    assert run.returncode == 0, log.read_text()


@pytest.fixture(scope="module", params=["", FAULTS], ids=["as they are", "with faults"])
def published(request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The fines published and ended, and the audit complete; the agents have been stopped."""
    directory = tmp_path_factory.mktemp("outreach")
    cli = at(servers, ROOT, directory / "data", OUTREACH_PRIMARY_FAULTS=request.param)
    assert cli("apply").code == 0
    with running(cli, directory / "log"):
        sent = cli(
            "publish",
            "outreach",
            "examples/fines.jsonl",
            "--id-field",
            "fine_id",
            "--wait",
            "--timeout",
            "60s",
            "--json",
        )
        assert sum(one["cases"] for one in sent.json.get("outcomes", [])) == 70, sent.out + sent.err
        audited(cli, servers.kafka)
    return cli


def audited(cli: Cli, kafka: str) -> None:
    """Wait until the audit has every state version that the topics have."""
    topics = Topics(cli.namespace, "outreach")
    names = [topics.cases, topics.outcomes, *map(topics.agent, AGENTS), *map(topics.failed, AGENTS)]
    written = len(oracle.read_all(kafka, names))
    until = time.monotonic() + 30
    while (counted := cli("taxonomy", "--workflow", "outreach", "--json").json)["state_versions"] < written:
        assert time.monotonic() < until, counted
        time.sleep(0.3)


@pytest.fixture
def log(published: Cli, servers: Servers, fines: list[dict[str, Any]]) -> dict[str, list[oracle.Seen]]:
    """The whole log, after what must hold of every log has been checked."""
    ids = {fine["fine_id"] for fine in fines}
    return oracle.check(servers.kafka, Topics(published.namespace, "outreach"), AGENTS, ids)


def last_word(log: dict[str, list[oracle.Seen]], topic: str) -> dict[str, Any]:
    return {seen.text("ce_subject"): orjson.loads(seen.value or b"") for seen in log[topic]}


def test_every_fine_ends_once_and_as_its_own_events_say(
    log: dict[str, list[oracle.Seen]], published: Cli, fines: list[dict[str, Any]]
) -> None:
    topics = Topics(published.namespace, "outreach")
    outcomes = last_word(log, topics.outcomes)
    approved = last_word(log, topics.agent("reviewer"))
    for fine in fines:
        fine_id, why = fine["fine_id"], forbidden(fine)
        said = outcomes[fine_id]
        assert said["outcome"] == ("escalated" if why else "completed"), (fine_id, said)
        assert said["failure_reason"] == ("compliance_fail" if why else "ok")
        assert (fine_id in approved) == (not why)
        if not why:
            assert Decimal(approved[fine_id]["owed"]) == owed(fine)
    assert Counter(one["outcome"] for one in outcomes.values()) == {"completed": 16, "escalated": 54}


def test_a_person_is_told_of_every_fine_that_is_not_written_about(
    log: dict[str, list[oracle.Seen]], published: Cli, fines: list[dict[str, Any]]
) -> None:
    handed = last_word(log, Topics(published.namespace, "outreach").agent("escalation"))
    assert set(handed) == {fine["fine_id"] for fine in fines if forbidden(fine)}
    assert all(one["question"] and one["summary"] for one in handed.values())


def test_where_the_primary_fails_the_fallback_writes_and_the_taxonomy_counts_it(
    log: dict[str, list[oracle.Seen]], published: Cli, request: pytest.FixtureRequest
) -> None:
    topics = Topics(published.namespace, "outreach")
    failed = Counter(seen.text("ce_failurereason") for seen in log[topics.failed("drafter_primary")])
    assert len(log[topics.agent("drafter_fallback")]) == failed.total()
    counted = published("taxonomy", "--workflow", "outreach", "--json").json
    said = {one["failure_reason"]: one["count"] for one in counted["by_agent"] if one["agent"] == "drafter_primary"}
    assert said == failed
    if published.variables["OUTREACH_PRIMARY_FAULTS"]:
        assert set(failed) == {"model_down", "schema_invalid"}
        saved = [seen for seen in log[topics.agent("drafter_primary")] if seen.text("ce_attempts") == "2"]
        assert saved, "some drafts came by the strict prompt"
    else:
        assert not failed
    assert not log[topics.dlq]


def test_what_a_letter_cost_stands_in_its_event(log: dict[str, list[oracle.Seen]], published: Cli) -> None:
    topics = Topics(published.namespace, "outreach")
    drafts = [*log[topics.agent("drafter_primary")], *log[topics.agent("drafter_fallback")]]
    assert len(drafts) == 16
    assert all(int(seen.text("ce_tokens")) > 100 for seen in drafts)
