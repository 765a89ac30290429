"""The table of failure reasons."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from misstep.contracts import failure
from misstep.contracts.failure import ENGINE_REASONS, REASONS, Reason, own_reason, reason_named, reasons_in_use

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_names_ten_reasons_besides_ok_and_ok_comes_first() -> None:
    assert next(iter(REASONS)) == "ok"
    assert len(REASONS) == 11


def test_postgres_has_the_same_names_in_the_same_order() -> None:
    sql = (ROOT / "migrations" / "0001_failure_reasons.sql").read_text(encoding="utf-8")
    enum = re.search(r"CREATE TYPE failure_reason_t AS ENUM \((.*?)\);", sql, re.DOTALL)
    assert enum is not None
    assert re.findall(r"'(\w+)'", enum[1]) == list(REASONS)


def test_what_the_engine_itself_gives_every_agent_has() -> None:
    assert ENGINE_REASONS == (
        "schema_invalid",
        "latency_blow",
        "handoff_exhausted",
        "authority_breach",
        "undo_failed",
        "agent_fault",
    )


def test_only_what_time_mends_is_retried_by_default() -> None:
    for reason in REASONS.values():
        assert reason.default.startswith("retry") == reason.mends, reason.name


def test_security_hears_of_a_breach_and_the_owner_of_a_bug() -> None:
    assert REASONS["authority_breach"].pages == "security"
    assert {name for name, reason in REASONS.items() if reason.pages == "owner"} == {
        "invariant_broken",
        "undo_failed",
        "agent_fault",
    }


def test_every_meaning_is_a_sentence() -> None:
    for reason in REASONS.values():
        assert reason.meaning[0].isupper()
        assert reason.meaning.endswith(".")


@pytest.mark.parametrize("name", ["", "Fraud", "1st", "fraud-suspected", "fraud suspected", "a" * 49, "fräud", "x\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        Reason(name, "What it means.")


def test_a_workflow_may_bring_a_reason_of_its_own() -> None:
    fraud = own_reason("fraud_suspected", "The papers look forged.", pages="security")
    assert fraud.default == "escalate"
    assert reason_named("fraud_suspected", {"fraud_suspected": fraud}) is fraud
    assert reason_named("never_declared").meaning


def test_a_workflow_may_not_redefine_a_reason_of_the_table() -> None:
    with pytest.raises(ValueError, match="one of Misstep's own"):
        own_reason("model_down")


def test_reasons_in_use_are_told_once_the_tables_first() -> None:
    used = reasons_in_use(["fraud_suspected", "model_down", "ok", "fraud_suspected", "schema_invalid"])
    assert [reason.name for reason in used] == ["schema_invalid", "model_down", "fraud_suspected"]


def test_the_table_imports_nothing_of_misstep() -> None:
    tree = ast.parse(Path(failure.__file__).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in imported if name.startswith("misstep")]
