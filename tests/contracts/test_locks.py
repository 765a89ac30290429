"""What is locked stays: changed versions, incompatible minors and missing upcasters are found, by field and rule."""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from misstep.contracts import (
    Contract,
    Escalated,
    Finding,
    LocalSchemas,
    Outcome,
    Reader,
    SchemaRecord,
    check,
    encode,
    lock,
    locked_records,
    upcaster,
)
from misstep.contracts.json_schema import without_words
from misstep.errors import UsageError
from tests.contracts.models import AvroEverything, Everything, Extracted, Loan, Tree

EVERY = (Everything, AvroEverything, Extracted, Loan, Tree, Outcome, Escalated)


def contract(
    version: str = "1.0", *, name: str = "tests.locked", encoding: Any = "json", **fields: Any
) -> type[Contract]:
    """A contract of the given fields: a type, or (type, default)."""
    given = {field: said if isinstance(said, tuple) else (said, ...) for field, said in fields.items()}
    named = {"name": name, "version": version, "encoding": encoding}
    made: type[Contract] = create_model("Locked", __base__=Contract, __cls_kwargs__=named, **given)  # type: ignore[call-overload]
    return made


def rules(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.field, finding.rule) for finding in findings]


def test_two_pretty_files_are_written_for_each_contract_and_nothing_the_second_time(tmp_path: Path) -> None:
    written = lock([Extracted], tmp_path / "locked")
    assert [path.name for path in written] == ["invoice.extracted@1.1.avsc", "invoice.extracted@1.1.json"]
    said = json.loads(written[1].read_text(encoding="utf-8"))
    assert said["$id"] == Extracted.__contract__.urn
    assert said["properties"]["total"]["description"] == "Grand total, in the receipt's currency."
    assert json.loads(written[0].read_text(encoding="utf-8")) == Extracted.__contract__.avro_schema
    assert written[0].read_text(encoding="utf-8").count("\n") > 5
    assert lock([Extracted], tmp_path / "locked") == []


def test_everything_locked_is_found_to_be_as_it_was(tmp_path: Path) -> None:
    lock(EVERY, tmp_path)
    assert check(EVERY, tmp_path) == []


def test_a_declared_version_that_is_not_locked_is_found(tmp_path: Path) -> None:
    assert rules(check([Extracted], tmp_path / "nowhere")) == [("", "not_locked")]


def test_a_stricter_reading_is_locked_with_the_contract_that_it_reads(tmp_path: Path) -> None:
    class Stricter(Extracted):
        confidence: float = Field(ge=0.9, le=1)

    lock([Stricter], tmp_path)
    assert check([Extracted, Stricter], tmp_path) == []


def test_better_words_are_locked_anew_and_are_no_change(tmp_path: Path) -> None:
    lock([contract(total=(int, Field(description="Sum.")))], tmp_path)
    better = contract(total=(int, Field(description="The sum of all lines.")))
    assert check([better], tmp_path) == []
    assert [path.suffix for path in lock([better], tmp_path)] == [".avsc", ".json"]
    assert check([better], tmp_path) == []


ENUM: Any = enum.Enum
Plain: Any = ENUM("Plain", {"A": "a", "B": "b"})
More: Any = ENUM("Plain", {"A": "a", "B": "b", "C": "c"})  # the same enum a version later
Inner: Any = create_model("Inner", x=(int, ...))
Wider: Any = create_model("Inner", x=(int, ...), y=(int, ...))

BREAKING: list[tuple[str, Any, Any, str, str]] = [
    ("a raised minimum", (int, Field(ge=0)), (int, Field(ge=1)), "f", "minimum_raised"),
    ("a minimum that was none", int, (int, Field(gt=0)), "f", "minimum_raised"),
    ("an excluded minimum", (int, Field(ge=0)), (int, Field(gt=0)), "f", "minimum_raised"),
    ("a raised minimum of an amount", (Decimal, Field(ge=0)), (Decimal, Field(ge=5)), "f", "minimum_raised"),
    ("a lowered maximum", (float, Field(le=1)), (float, Field(le=0.5)), "f", "maximum_lowered"),
    ("a multiple", (int, Field(multiple_of=5)), (int, Field(multiple_of=10)), "f", "multiple_changed"),
    ("a longer shortest text", str, (str, Field(min_length=1)), "f", "minLength_tightened"),
    ("a shorter longest text", (str, Field(max_length=9)), (str, Field(max_length=5)), "f", "maxLength_tightened"),
    ("a pattern", str, (str, Field(pattern="^x")), "f", "pattern_changed"),
    ("fewer items", (list[int], Field(max_length=9)), (list[int], Field(max_length=5)), "f", "maxItems_tightened"),
    ("an item's minimum", list[int], list[Annotated[int, Field(ge=1)]], "f[]", "minimum_raised"),
    ("a value's minimum", dict[str, int], dict[str, Annotated[int, Field(ge=1)]], "f{}", "minimum_raised"),
    ("a removed value of a Literal", Literal["a", "b"], Literal["a"], "f", "enum_value_removed"),
    ("a removed symbol", More, Plain, "f", "enum_value_removed"),
    ("a text that became a choice", str, Literal["a", "b"], "f", "values_limited"),
    ("another type", str, int, "f", "type_changed"),
    ("a float that became an int", float, int, "f", "type_changed"),
    ("a text that became a date", str, datetime.date, "f", "format_changed"),
    ("an optional that must be there", (int | None, None), int, "f", "became_required"),
    ("an optional that may not be null", int | None, int, "f", "type_removed"),
    ("an alternative that is gone", int | str | None, int | None, "f", "type_removed"),
    ("a required field within a record", Inner, Wider, "f.y", "required_field_added"),
    ("a required field within items", list[Inner], list[Wider], "f[].y", "required_field_added"),
    ("a required field within an optional", Inner | None, Wider | None, "f.y", "required_field_added"),
    (
        "other decimal places",
        (Decimal, Field(max_digits=9, decimal_places=2)),
        (Decimal, Field(max_digits=9, decimal_places=3)),
        "f",
        "decimal_places_changed",
    ),
    ("fewer digits", (Decimal, Field(max_digits=9)), (Decimal, Field(max_digits=8)), "f", "maxDigits_tightened"),
    ("a list that became a set", list[int], set[int], "f", "became_unique"),
    ("anything that became something", Any, int, "f", "type_changed"),
]


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"), [row[1:] for row in BREAKING], ids=[row[0] for row in BREAKING]
)
def test_a_minor_version_that_cannot_read_its_predecessor_is_found(
    old: Any, new: Any, field: str, rule: str, tmp_path: Path
) -> None:
    before, after = contract("1.0", f=old), contract("1.1", f=new)
    lock([before, after], tmp_path)
    found = check([after], tmp_path)
    assert (field, rule) in rules(found), found
    assert {finding.field for finding in found} <= {field, "f"}
    assert all(
        finding.contract == "tests.locked@1.1" and "cannot read every 1.0" in finding.message for finding in found
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"), [row[1:] for row in BREAKING], ids=[row[0] for row in BREAKING]
)
def test_a_locked_version_that_changed_is_found(old: Any, new: Any, field: str, rule: str, tmp_path: Path) -> None:
    lock([contract("1.0", f=old)], tmp_path)
    changed = contract("1.0", f=new)
    assert (field, rule) in rules(check([changed], tmp_path))
    with pytest.raises(UsageError, match="new version") as refused:
        lock([changed], tmp_path)
    assert "\n" not in str(refused.value)


HARMLESS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing", {"f": int}, {"f": int}),
    ("a new field with a default", {"f": int}, {"f": int, "g": (str, "")}),
    (
        "a new field with a default made each time",
        {"f": int},
        {"f": int, "g": (uuid.UUID, Field(default_factory=uuid.uuid4))},
    ),
    ("a new optional record", {"f": int}, {"f": int, "g": (Inner | None, None)}),
    ("a field that is gone", {"f": int, "g": int}, {"f": int}),
    ("a lowered minimum", {"f": (int, Field(ge=1))}, {"f": (int, Field(ge=0))}),
    ("a minimum that is gone", {"f": (int, Field(ge=1))}, {"f": int}),
    ("a whole multiple", {"f": (int, Field(multiple_of=10))}, {"f": (int, Field(multiple_of=5))}),
    ("an int that became a float", {"f": int}, {"f": float}),
    ("a field that may now be null", {"f": int}, {"f": int | None}),
    ("a field that has a default now", {"f": int}, {"f": (int, 5)}),
    ("a new value of a Literal", {"f": Literal["a"]}, {"f": Literal["a", "b"]}),
    ("a new symbol", {"f": Plain}, {"f": More}),
    ("another alternative", {"f": int | None}, {"f": int | str | None}),
    ("another default", {"f": (int, 1)}, {"f": (int, 2)}),
    ("an annotation for people", {"f": int}, {"f": (int, Field(description="x", title="y", examples=[1]))}),
]


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_a_minor_version_that_reads_its_predecessor_is_fine(
    old: dict[str, Any], new: dict[str, Any], tmp_path: Path
) -> None:
    before, after = contract("1.0", **old), contract("1.1", **new)
    lock([before, after], tmp_path)
    assert check([before, after], tmp_path) == []


def test_a_minor_is_held_against_the_one_before_it_even_if_its_class_is_gone(tmp_path: Path) -> None:
    lock([contract("1.0", f=int), contract("1.2", f=int, g=(int, 0))], tmp_path)
    found = check([contract("1.3", f=int, g=int)], tmp_path)
    assert rules(found) == [("", "not_locked"), ("g", "became_required")]
    assert "cannot read every 1.2" in found[1].message


def test_a_changed_encoding_is_a_changed_version(tmp_path: Path) -> None:
    lock([contract(f=int)], tmp_path)
    assert rules(check([contract(f=int, encoding="avro")], tmp_path)) == [("", "encoding_changed")]


def test_a_missing_upcaster_between_majors_is_found(tmp_path: Path) -> None:
    name = "tests.upcast_me"
    first, second = contract("1.3", name=name, f=int), contract("2.0", name=name, f=str)
    lock([first, second], tmp_path)
    assert rules(check([second], tmp_path)) == [("", "upcaster_missing")]
    upcaster(name, "1.3", "2.0")(lambda old: {"f": str(old["f"])})
    assert check([first, second], tmp_path) == []


def test_one_version_declared_twice_with_a_difference_is_found(tmp_path: Path) -> None:
    one, other = contract(f=int), contract(f=str)
    assert ("", "declared_twice") in rules(check([one, other], tmp_path))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".json", b""),
        (".json", b"{"),
        (".json", b"[]"),
        (".json", b"\xff\xfe"),
        (".json", b"{}"),
        (".json", b"[" * 100_000),
        (".avsc", b"not json"),
        (".avsc", b"{}"),
        (".avsc", None),
        (".json", None),
    ],
)
def test_a_locked_file_that_cannot_be_read_is_found_and_not_written_over(
    suffix: str, content: bytes | None, tmp_path: Path
) -> None:
    locked = contract(f=int)
    lock([locked], tmp_path)
    path = tmp_path / f"tests.locked@1.0{suffix}"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert rules(check([locked], tmp_path)) == [("", "not_readable")]
    assert locked_records(tmp_path) == []
    with pytest.raises(UsageError):
        lock([locked], tmp_path)


def test_a_locked_file_that_was_edited_by_hand_is_found(tmp_path: Path) -> None:
    locked = contract(f=(int, Field(ge=1)))
    lock([locked], tmp_path)
    path = tmp_path / "tests.locked@1.0.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"minimum": 1', '"minimum": 0'), encoding="utf-8")
    (finding,) = check([locked], tmp_path)
    assert finding.rule == "not_readable"
    assert "was edited after it was locked" in finding.message


def test_a_contract_that_cannot_be_said_is_found_and_the_others_are_checked_all_the_same(tmp_path: Path) -> None:
    found = check([contract(name="tests.unsaid", f=type), contract(f=int)], tmp_path)
    assert rules(found) == [("", "not_locked"), ("", "cannot_be_said")]


def test_values_of_a_version_whose_class_is_gone_are_read_by_its_lock(tmp_path: Path) -> None:
    gone: Any = contract("1.0", name="tests.gone", encoding="avro", f=int)
    today: Any = contract("1.1", name="tests.gone", encoding="avro", f=float, g=(str, "new"))
    value = encode(gone(f=5))
    lock([gone, today], tmp_path)
    schemas = LocalSchemas([])
    for record in locked_records(tmp_path):
        schemas.add(record)
    assert Reader(today, schemas).read(value, gone.__contract__.urn.encode()) == today(f=5.0)
    assert {record.sha256 for record in locked_records(tmp_path)} == {
        gone.__contract__.sha256,
        today.__contract__.sha256,
    }


def test_a_lock_says_exactly_what_the_contract_says(tmp_path: Path) -> None:
    lock(EVERY, tmp_path)
    locked = {record.sha256: record for record in locked_records(tmp_path)}
    assert locked == {declared.__contract__.sha256: SchemaRecord.of(declared) for declared in EVERY}


def test_a_field_may_be_called_title_or_description() -> None:
    assert without_words({"title": "T", "properties": {"title": {"title": "T", "type": "string"}}}) == {
        "properties": {"title": {"type": "string"}}
    }


def test_a_finding_reads_as_a_sentence() -> None:
    finding = Finding("invoice.extracted@1.2", "total", "minimum_raised", "its minimum was 0 and is now 1")
    assert str(finding) == "invoice.extracted@1.2, total: its minimum was 0 and is now 1 (minimum_raised)"
