"""What got worse since the period before, and who it was: the arithmetic, and the audit of synthetic cases."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from pathlib import Path

import pytest

from misstep.store.stands_out import chance_of_more
from misstep.store.taxonomy import TAXONOMY_SQL
from misstep.store.taxonomy_compare import Comparison, Counted, changes, compare, compared, worst
from tests.cli.conftest import ROOT, Cli, at
from tests.conftest import Servers
from tests.store.conftest import Database, running_sink, wait_until_recorded
from tests.store.synthetic import Case, Workflow

HOUR_MS = 3_600_000


def exactly(failed: int, turns: int, failed_before: int, turns_before: int) -> float:
    """The tail by whole numbers."""
    failures, everything = failed + failed_before, turns + turns_before
    ways = sum(
        math.comb(turns, k) * math.comb(turns_before, failures - k) for k in range(failed, min(failures, turns) + 1)
    )
    return ways / math.comb(everything, failures)


@pytest.mark.parametrize(
    "table", [(1, 1, 0, 1), (3, 10, 1, 12), (5, 5, 0, 50), (0, 10, 4, 10), (20, 400, 3, 380), (10, 10, 10, 10)]
)
def test_the_chance_is_fishers(table: tuple[int, int, int, int]) -> None:
    assert chance_of_more(*table) == pytest.approx(exactly(*table), rel=1e-9)


def test_the_chance_of_millions_of_turns_is_reckoned_at_once() -> None:
    assert chance_of_more(10_500, 1_000_000, 10_000, 1_000_000) < 0.001
    assert chance_of_more(10_000, 1_000_000, 10_000, 1_000_000) == pytest.approx(0.5, abs=0.01)


def test_without_turns_nothing_can_be_said() -> None:
    assert chance_of_more(3, 3, 0, 0) == 1.0
    assert chance_of_more(0, 0, 3, 3) == 1.0


def turns(now: bool, agent: str, build: str, **reasons: int) -> list[Counted]:
    return [Counted(now, "letters", agent, build, reason, count) for reason, count in reasons.items()]


def test_a_new_build_is_compared_with_what_ran_before_it() -> None:
    counted = [*turns(False, "draft", "v1", ok=90, rubric_fail=10), *turns(True, "draft", "v2", ok=50, rubric_fail=50)]
    (change,) = changes(counted, ("agent", "build", "reason"))
    assert change.group == {"agent": "draft", "build": "v2", "reason": "rubric_fail"}
    assert (change.before.rate, change.now.rate, change.stands_out) == (0.1, 0.5, True)
    assert change.worse_by == pytest.approx(0.4)


def test_of_two_builds_side_by_side_the_bad_one_stands_out() -> None:
    counted = [
        *turns(False, "draft", "v1", ok=100),
        *turns(True, "draft", "v1", ok=50),
        *turns(True, "draft", "v2", ok=30, rubric_fail=20),
    ]
    assert [(one.group["build"], one.stands_out) for one in changes(counted, ("agent", "build", "reason"))] == [
        ("v2", True)
    ]


def test_what_stands_out_comes_before_what_is_only_large() -> None:
    counted = [
        *turns(False, "rare", "v1", ok=1),
        *turns(True, "rare", "v1", model_down=1),
        *turns(False, "common", "v1", ok=1_000),
        *turns(True, "common", "v1", ok=900, model_down=100),
    ]
    assert [one.group["agent"] for one in changes(counted, ("agent", "reason"))] == ["common", "rare"]


def test_what_got_better_is_told_too_and_is_nobodys_fault() -> None:
    counted = [*turns(False, "draft", "v1", ok=50, model_down=50), *turns(True, "draft", "v1", ok=100)]
    (change,) = changes(counted, ("agent", "reason"))
    assert change.worse_by == -0.5
    assert worst(counted) is None


def test_noise_has_no_culprit() -> None:
    counted = [
        row
        for number in range(30)
        for row in (
            *turns(False, f"a{number}", "v1", ok=95, latency_blow=5),
            *turns(True, f"a{number}", "v1", ok=92, latency_blow=8),
        )
    ]
    assert worst(counted) is None


def judged(makers: list[Counted]) -> Comparison:
    counted = [*turns(False, "review", "v1", ok=100), *turns(True, "review", "v2", ok=50, rubric_fail=50)]
    return compared("ns", timedelta(hours=1), None, ("agent", "reason"), counted, worst(counted), makers)


def test_the_maker_of_what_was_rejected_is_the_culprit_when_what_others_made_is_as_good_as_it_was() -> None:
    culprit = judged(
        [
            *turns(False, "draft", "v1", ok=100),
            *turns(True, "draft", "v1", rubric_fail=50),
            *turns(True, "fallback", "v1", ok=50),
        ]
    ).culprit
    assert culprit is not None
    assert culprit.maker is not None
    assert (culprit.agent, culprit.maker.group["agent"]) == ("review", "draft")


def test_the_maker_is_not_blamed_when_nothing_tells_it_from_the_cases_themselves() -> None:
    same = [*turns(False, "draft", "v1", ok=100), *turns(True, "draft", "v1", ok=50, rubric_fail=50)]
    culprit = judged(same).culprit
    assert culprit is not None
    assert culprit.maker is None
    newer = [*turns(False, "draft", "v1", ok=100), *turns(True, "draft", "v2", ok=50, rubric_fail=50)]
    culprit = judged(newer).culprit
    assert culprit is not None
    assert culprit.maker is not None


def letter(workflow: Workflow, name: str, at_ms: int, build: str, *, good: bool) -> None:
    """A case that `extract` makes and `post_entry` judges; what is not good the fallback makes anew."""
    case: Case = workflow.begin(name, at_ms=at_ms)
    workflow.turn(case, "extract", build=build)
    if not good:
        workflow.turn(case, "post_entry", "rubric_fail", route="to:extract_fallback", build=build)
        workflow.turn(case, "extract_fallback", build=build)
    workflow.turn(case, "post_entry", build=build)
    workflow.end(case)


@pytest.fixture
def regressed(workflow: Workflow, db: Database, dsn: str) -> Workflow:
    """An hour under build v1 in which 2 of 40 were rejected, and one under v2 in which 30 of 40 were."""
    now = int(time.time() * 1000)
    for number in range(40):
        letter(workflow, f"before-{number}", now - HOUR_MS - 600_000, "v1", good=number >= 2)
        letter(workflow, f"now-{number}", now - 600_000, "v2", good=number >= 30)
    workflow.flush()
    with running_sink(workflow, dsn):
        wait_until_recorded(db, workflow)
    return workflow


def test_in_the_audit_the_culprit_is_named_by_agent_and_build(regressed: Workflow, dsn: str) -> None:
    found = compare(dsn, regressed.topics.namespace, timedelta(hours=1), None, ("agent", "build", "reason"))
    assert (found.turns_before, found.turns) == (84, 140)
    first = found.changes[0]
    assert first.group == {"agent": "post_entry", "build": "v2", "reason": "rubric_fail"}
    assert (first.before.failed, first.before.turns, first.now.failed, first.now.turns) == (2, 42, 30, 70)
    culprit = found.culprit
    assert culprit is not None
    assert culprit.maker is not None
    assert culprit.maker.group == {"agent": "extract", "build": "v2", "reason": "rubric_fail"}
    assert (culprit.maker.now.failed, culprit.maker.now.turns) == (30, 40)


def test_a_workflow_that_had_no_part_in_it_has_no_changes(regressed: Workflow, dsn: str) -> None:
    found = compare(dsn, regressed.topics.namespace, timedelta(hours=1), "another", ("agent",))
    assert (found.turns, found.changes, found.culprit) == (0, (), None)


def test_the_taxonomy_without_a_comparison_is_still_one_group_by() -> None:
    assert TAXONOMY_SQL.count("GROUP BY") == 1
    assert "JOIN" not in TAXONOMY_SQL


@pytest.fixture
def cli(servers: Servers, regressed: Workflow, tmp_path: Path) -> Cli:
    """The command line in the namespace of the regression."""
    return at(servers, ROOT, tmp_path, MISSTEP_NAMESPACE=regressed.topics.namespace)


def test_one_command_points_at_the_culprit(cli: Cli) -> None:
    said = cli("taxonomy", "--compare", "--since", "1h")
    assert said.code == 0, said.err
    assert "+38.1 points" in said.out
    sentence = said.out.strip().splitlines()[-1]
    assert sentence == (
        "The culprit is invoice/extract under build v2: invoice/post_entry under build v2 comes to rubric_fail in "
        "42.9% (30 of 70) of its turns, 4.8% (2 of 42) before; of what that agent made, it is 75.0% (30 of 40), 5.0% "
        "(2 of 40) before."
    )
    told = cli("taxonomy", "--compare", "--since", "1h", "--json").json
    assert (told["culprit"]["agent"], told["culprit"]["build"]) == ("extract", "v2")
    assert told["culprit"]["seen_by"] == {"agent": "post_entry", "build": "v2", "reason": "rubric_fail"}
    assert told["by"] == ["agent", "build", "reason"]


def test_failures_per_turn_by_whatever_is_asked_for(cli: Cli) -> None:
    told = cli("taxonomy", "--by", "agent,workflow", "--by", "reason", "--since", "1h", "--json").json
    assert told["by"] == ["workflow", "agent", "reason"]
    named = {"workflow": "invoice", "agent": "post_entry", "reason": "rubric_fail"}
    assert told["groups"] == [{**named, "failed": 30, "turns": 70, "rate": 30 / 70}]
    assert "42.9%" in cli("taxonomy", "--by", "agent", "--since", "1h").out


def test_without_a_period_before_there_is_nothing_to_compare_with(cli: Cli) -> None:
    assert "nothing to compare with" in cli("taxonomy", "--compare", "--since", "2h").out
    assert "No turn was recorded" in cli("taxonomy", "--compare", "--since", "1s").out


def test_a_dimension_that_is_none_is_a_sentence(cli: Cli) -> None:
    refused = cli("taxonomy", "--by", "colour")
    assert (refused.code, refused.sentence) == (2, "--by 'colour' is none of workflow, agent, build, reason.")
