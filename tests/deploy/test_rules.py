"""The alert rules do what they say: on recorded samples, evaluated here and, where there is one, by promtool."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from misstep.contracts.failure import REASONS
from tests.deploy.promql import _without_name
from tests.deploy.rules import PROMETHEUS, Evaluation, recorded, rules, seconds, series

CASES = [(case, check) for case in recorded() for check in case["promql_expr_test"]]
ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


@pytest.mark.parametrize(("case", "check"), CASES, ids=[f"{case['name']} at {one['eval_time']}" for case, one in CASES])
def test_a_rule_on_recorded_samples(case: dict, check: dict) -> None:  # type: ignore[type-arg]
    found = Evaluation(case).value(check["expr"], seconds(check["eval_time"]))
    expected = {series(one["labels"]): one["value"] for one in check["exp_samples"]}
    assert found == {labels: pytest.approx(value) for labels, value in expected.items()}


def test_promtool_comes_to_the_same() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        return  # what it would run has been run above
    ran = subprocess.run([promtool, "test", "rules", "rules_test.yml"], cwd=PROMETHEUS, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_seen_to_fire() -> None:
    fired = {dict(series(one["labels"])).get("alertname") for _, check in CASES for one in check["exp_samples"]}
    assert fired - {None} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook_url"] == f"RUNBOOK.md#{name.lower()}"


def test_whoever_the_table_of_reasons_pages_is_paged() -> None:
    paged = {}
    for alert in ALERTS.values():
        if page := alert["labels"].get("page"):
            for names in re.findall(r'reason=~?"([^"]+)"', alert["expr"]):
                paged |= dict.fromkeys(names.split("|"), page)
            if "misstep_undos_total" in alert["expr"]:
                paged["undo_failed"] = page
    assert paged == {reason.name: reason.pages for reason in REASONS.values() if reason.pages}


def test_a_counter_that_begins_again_has_not_fallen() -> None:
    """The evaluator itself: 0, 60, (restart) 20 within two minutes is a rise of 80."""
    from tests.deploy.promql import _increase

    assert _increase([(0.0, 0.0), (60.0, 60.0), (120.0, 20.0)], 120.0, 120.0) == 80.0
    assert _without_name(series('a{b="c"}')) == frozenset([("b", "c")])
