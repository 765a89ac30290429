"""Old events, as they were recorded, read by today's contracts."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, JsonValue

from misstep.contracts import Contract, LocalSchemas, Misfit, Reader, SchemaRecord, encode, upcaster
from misstep.contracts.upcast import upcasters_of, way_up
from misstep.errors import UsageError

Old = dict[str, JsonValue]

RECORDED_AVRO_1_4 = bytes.fromhex(
    "c3015796d0bcf63f2e823e545249504c452053495820504f494e5420454e54455250524953452036363610524d2032312e32301432352d3033"
    "2d32303138"
)
RECORDED_JSON_1_4 = b'{"company":"TRIPLE SIX POINT ENTERPRISE 666","total":"RM 21.20","day":"25-03-2018"}'
RECORDED_SCHEMA_1_4 = (
    '{"type":"record","name":"tests.receipt_read","fields":[{"name":"company","type":"string"},'
    '{"name":"total","type":"string"},{"name":"day","type":"string"}]}'
)
SHA_1_4 = "4e635a5717a03ee87c5420679aeb59e9646f9f9b657b53bd09e4d6849566e573"
URN_1_4 = f"urn:misstep:tests.receipt_read:1.4:{SHA_1_4}".encode()


class ReceiptRead(Contract, name="tests.receipt_read", version="3.0"):
    """What was read off a receipt, since amounts are numbers and days are dates."""

    company: str
    total: Decimal = Field(gt=0)
    currency: str
    day: datetime.date


@upcaster("tests.receipt_read", "1.4", "2.0")
def v1_4_to_v2_0(old: Old) -> Old:
    currency, _, total = str(old.pop("total")).partition(" ")
    return {**old, "currency": {"RM": "MYR"}.get(currency, currency), "total": total}


@upcaster(ReceiptRead, "2.0", "3.0")
def v2_0_to_v3_0(old: Old) -> Old:
    day, month, year = str(old["day"]).split("-")
    return {**old, "day": f"{year}-{month}-{day}"}


TODAY = ReceiptRead(
    company="TRIPLE SIX POINT ENTERPRISE 666",
    total=Decimal("21.20"),
    currency="MYR",
    day=datetime.date(2018, 3, 25),
)


def schemas() -> LocalSchemas:
    known = LocalSchemas([ReceiptRead])
    fingerprint = RECORDED_AVRO_1_4[2:10]
    known.add(SchemaRecord("tests.receipt_read", "1.4", SHA_1_4, fingerprint, "avro", RECORDED_SCHEMA_1_4, "{}"))
    return known


@pytest.mark.parametrize("value", [RECORDED_JSON_1_4, RECORDED_AVRO_1_4])
def test_an_event_of_version_1_4_is_read_as_3_0(value: bytes) -> None:
    assert Reader(ReceiptRead, schemas()).read(value, URN_1_4) == TODAY


def test_a_bare_avro_value_of_version_1_4_is_known_by_its_fingerprint() -> None:
    assert Reader(ReceiptRead, schemas()).read(RECORDED_AVRO_1_4, None) == TODAY


def test_v1_4_to_v2_0_tells_the_currency_from_the_amount() -> None:
    assert v1_4_to_v2_0(json.loads(RECORDED_JSON_1_4)) == {
        "company": "TRIPLE SIX POINT ENTERPRISE 666",
        "total": "21.20",
        "currency": "MYR",
        "day": "25-03-2018",
    }


def test_v2_0_to_v3_0_turns_the_day_into_a_date() -> None:
    assert v2_0_to_v3_0({"day": "25-03-2018", "total": "21.20"}) == {"day": "2018-03-25", "total": "21.20"}


def test_an_old_event_that_the_upcaster_cannot_read_is_a_misfit_that_names_it() -> None:
    with pytest.raises(Misfit, match="v1_4_to_v2_0 failed on this value: KeyError: 'total'") as caught:
        Reader(ReceiptRead, schemas()).read(b'{"company":"x"}', URN_1_4)
    assert caught.value.check == "schema"


@pytest.mark.parametrize(
    "value", [b"[]", b"1", b"{", b"[" * 100_000, b'{"total":"\\ud800"}', b'{"total":NaN}', b"\xff"]
)
def test_an_old_event_that_is_no_object_is_a_misfit(value: bytes) -> None:
    with pytest.raises(Misfit) as caught:
        Reader(ReceiptRead, schemas()).read(value, URN_1_4)
    assert caught.value.check == "schema"


def test_a_constraint_holds_for_what_an_upcaster_made() -> None:
    with pytest.raises(Misfit) as caught:
        Reader(ReceiptRead, schemas()).read(RECORDED_JSON_1_4.replace(b"21.20", b"-1"), URN_1_4)
    assert caught.value.check == "constraints"


@pytest.mark.parametrize("made", [None, [], "text", {"x": object()}, {"x": "\ud800"}])
def test_an_upcaster_that_makes_no_object_is_a_misfit(made: Any) -> None:
    class Made(Contract, name="tests.made", version="2.0"):
        x: str = ""

    upcaster(Made, "1.0", "2.0")(lambda old: made)
    with pytest.raises(Misfit) as caught:
        Reader(Made, LocalSchemas()).read(b"{}", b"urn:misstep:tests.made:1.0")
    assert caught.value.check == "schema"


def test_both_majors_may_be_accepted_side_by_side_and_each_event_is_read_as_its_own() -> None:
    class First(Contract, name="tests.side_by_side", version="1.0"):
        text: str

    class Second(Contract, name="tests.side_by_side", version="2.0"):
        text: str
        more: str

    upcaster(Second, "1.0", "2.0")(lambda old: {**old, "more": ""})
    reader = Reader((Second, First), LocalSchemas())
    assert type(reader.read(b'{"text":"a"}', First.__contract__.urn.encode())) is First
    assert type(reader.read(b'{"text":"a","more":"b"}', Second.__contract__.urn.encode())) is Second


def test_an_older_minor_is_read_with_the_defaults_of_the_newer() -> None:
    class Before(Contract, name="tests.minor", version="1.0", encoding="avro"):
        total: int

    class After(Contract, name="tests.minor", version="1.1", encoding="avro"):
        total: float
        currency: str = "EUR"
        seen: list[str] = Field(default_factory=list)

    reader = Reader(After, LocalSchemas())
    value = encode(Before(total=5))
    for dataschema in (None, Before.__contract__.urn.encode()):
        assert reader.read(value, dataschema) == After(total=5.0)
    assert reader.read(b'{"total":5}', Before.__contract__.urn.encode()) == After(total=5.0)


def test_a_newer_minor_is_read_without_what_is_new_in_it() -> None:
    class Before(Contract, name="tests.newer_minor", version="1.0", encoding="avro"):
        total: int

    class After(Contract, name="tests.newer_minor", version="1.1", encoding="avro"):
        total: int
        currency: str = "EUR"

    reader = Reader(Before, LocalSchemas())
    assert reader.read(encode(After(total=5)), After.__contract__.urn.encode()) == Before(total=5)


def test_a_step_within_a_major_is_taken_where_there_is_one() -> None:
    class Renamed(Contract, name="tests.renamed", version="1.1"):
        total: int = 0

    upcaster(Renamed, "1.0", "1.1")(lambda old: {"total": old["sum"]})
    assert Reader(Renamed, LocalSchemas()).read(b'{"sum":5}', b"urn:misstep:tests.renamed:1.0") == Renamed(total=5)


def test_ways_up() -> None:
    name = "tests.ways"
    for before, after in [("1.2", "2.0"), ("1.4", "2.0"), ("2.1", "3.0"), ("3.0", "3.1"), ("5.0", "6.0")]:
        upcaster(name, before, after)(lambda old: old)
    steps = upcasters_of(name)

    def way(before: tuple[int, int], after: tuple[int, int]) -> list[str] | None:
        found = way_up(steps, before, after)
        return None if found is None else [f"{step.before[0]}.{step.before[1]}" for step in found]

    assert way((1, 0), (2, 0)) == ["1.2"]
    assert way((1, 3), (2, 0)) == ["1.4"]
    assert way((1, 9), (2, 0)) == ["1.4"]
    assert way((1, 4), (3, 1)) == ["1.4", "2.1", "3.0"]
    assert way((1, 4), (3, 0)) == ["1.4", "2.1"]
    assert way((2, 5), (2, 7)) == []
    assert way((3, 1), (3, 0)) == []
    assert way((3, 1), (4, 0)) is None
    assert way((4, 0), (6, 0)) is None


@pytest.mark.parametrize(("before", "after"), [("1", "2.0"), ("1.0", "x"), ("2.0", "1.0"), ("1.0", "1.0")])
def test_an_upcaster_between_versions_that_are_none_is_refused(before: str, after: str) -> None:
    with pytest.raises(UsageError, match="upcaster of"):
        upcaster("tests.refused", before, after)
