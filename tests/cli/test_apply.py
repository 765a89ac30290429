"""`apply`: idempotent, says what it would do, refuses what cannot be made so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import NOBODY, Cli, at
from tests.conftest import Servers


@pytest.fixture
def copied(servers: Servers, project: Path, tmp_path: Path) -> Cli:
    """A copy of the project that a test may change, in a fresh namespace."""
    root = tmp_path / "copy"
    shutil.copytree(project, root, symlinks=True)
    return at(servers, root, tmp_path / "data")


def changed(cli: Cli, file: str, before: str, after: str) -> None:
    path = cli.cwd / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_dry_run_changes_nothing_and_a_second_apply_has_nothing_to_do(copied: Cli) -> None:
    planned = copied("apply", "--dry-run", "--json")
    assert planned.json["dry_run"] is True
    names = {change["name"] for change in planned.json["changes"]}
    assert f"{copied.namespace}.orders.cases" in names
    assert "orders.order@1.0" in names
    done = copied("apply", "--json").json["changes"]
    assert {change["name"] for change in done} == names
    again = copied("apply")
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("Nothing to do: 14 topics, 4 contracts, ")


def test_a_contract_that_was_changed_under_its_version_is_refused(copied: Cli) -> None:
    assert copied("apply").code == 0
    changed(copied, "contracts/orders.py", "quantity: int = Field(gt=0)", "quantity: int = Field(gt=1)")
    refused = copied("apply")
    assert refused.code == 2
    assert refused.sentence.startswith("Contract orders.priced@1.0 is in ")
    assert refused.sentence.endswith("so give the changed one a new version, such as 1.1.")
    checked = copied("contracts", "check", "--json")
    assert (checked.code, checked.json["holds"]) == (1, False)


def test_another_number_of_partitions_is_refused(applied: Cli) -> None:
    refused = applied("apply", MISSTEP_PARTITIONS="3")
    assert refused.code == 2
    assert "has 2 partitions, not 3" in refused.sentence


def test_postgres_down(applied: Cli) -> None:
    postgres = applied("apply", "--postgres", f"postgresql://me:secret@{NOBODY}/x", "--json")
    assert postgres.code == 3
    assert NOBODY in postgres.json["error"]
    assert "secret" not in postgres.out + postgres.err


def test_a_migration_with_the_name_of_another_is_refused(copied: Cli) -> None:
    (copied.cwd / "migrations" / "orders" / "0002_case_turns.sql").write_text("SELECT 1;")
    refused = copied("apply", "--dry-run")
    assert refused.code == 2
    assert "migrations/orders/0002_case_turns.sql has the name of 0002_case_turns.sql" in refused.sentence
