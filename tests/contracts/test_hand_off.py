"""Reading at the boundary: what is accepted, by which check the rest is refused, and in which words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, JsonValue, model_validator

from misstep.contracts import Contract, LocalSchemas, Misfit, Reader, SchemaRecord, encode
from tests.contracts.models import AvroLoan, Extracted, Loan, Trusted

GOOD = b'{"total":"12.50","confidence":0.9}'
URN = Extracted.__contract__.urn.encode()


def refused(
    value: bytes | None,
    dataschema: bytes | None = URN,
    accepted: Any = Extracted,
    schemas: LocalSchemas | None = None,
    version_error: str | None = None,
) -> Misfit:
    reader = Reader(accepted, schemas or LocalSchemas())
    with pytest.raises(Misfit) as caught:
        reader.read(value, dataschema, version_error=version_error)
    return caught.value


def test_a_value_of_the_same_contract_is_read() -> None:
    payload = Reader(Extracted, LocalSchemas()).read(GOOD, URN)
    assert payload == Extracted(total=Decimal("12.50"), confidence=0.9)


@pytest.mark.parametrize("dataschema", [None, b""])
def test_a_bare_value_is_read_as_what_is_accepted(dataschema: bytes | None) -> None:
    assert Reader(Extracted, LocalSchemas()).read(GOOD, dataschema) == Extracted(total=Decimal("12.50"), confidence=0.9)


def test_a_name_without_its_hash_is_enough_for_json() -> None:
    for version in (b"1.1", b"1.0", b"1.7"):
        assert Reader(Extracted, LocalSchemas()).read(GOOD, b"urn:misstep:invoice.extracted:" + version)


def test_real_loans_are_read(loan_lines: list[bytes]) -> None:
    reader = Reader(Loan, LocalSchemas())
    for line in loan_lines:
        payload = reader.read(line, None)
        assert isinstance(payload, Loan)
        assert payload.application_id == json.loads(line)["application_id"]


def test_fields_that_the_reader_does_not_know_are_ignored() -> None:
    assert Reader(Extracted, LocalSchemas()).read(b'{"total":1,"confidence":0.9,"new":[1,2]}', URN)


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    payload = Reader(Extracted, LocalSchemas()).read(b'{"total":1,"total":2,"confidence":0.9}', URN)
    assert isinstance(payload, Extracted)
    assert payload.total == 2


def test_a_missing_field_and_a_wrong_type_are_told_by_name_and_never_with_a_link() -> None:
    misfit = refused(b'{"total":"a lot","date":"yesterday"}')
    assert misfit.check == "schema"
    assert misfit.fields["confidence"] == "Field required"
    assert set(misfit.fields) == {"total", "confidence", "date"}
    assert "confidence: field required" in misfit.detail
    assert "'a lot'" in misfit.detail
    assert str(misfit) == f"schema: {misfit.detail}"
    assert "http" not in str(misfit) + str(misfit.fields)


def test_a_broken_constraint_is_told_as_one() -> None:
    misfit = refused(b'{"total":0,"confidence":1.5}')
    assert misfit.check == "constraints"
    assert misfit.fields == {
        "total": "Input should be greater than 0, not 0",
        "confidence": "Input should be less than or equal to 1, not 1.5",
    }


def test_the_constraint_of_a_stricter_reading_is_the_readers() -> None:
    value = b'{"total":1,"confidence":0.5}'
    assert Reader(Extracted, LocalSchemas()).read(value, URN)
    misfit = refused(value, accepted=Trusted)
    assert misfit.check == "constraints"
    assert misfit.fields == {"confidence": "Input should be greater than or equal to 0.7, not 0.5"}


def test_whatever_a_stricter_reading_adds_is_a_constraint_and_not_a_schema() -> None:
    class Dated(Extracted):
        currency: str

        @model_validator(mode="after")
        def _dated(self) -> Dated:
            if self.date is None:
                raise ValueError("a booking needs a date")
            return self

    assert refused(GOOD, accepted=Dated).check == "constraints"
    assert refused(b'{"total":1,"confidence":0.5,"currency":"MYR"}', accepted=Dated).detail.endswith(
        "a booking needs a date"
    )
    assert refused(b'{"total":1}', accepted=Dated).check == "schema"


def test_a_validator_that_raises_what_it_should_not_is_a_misfit_that_names_the_contract() -> None:
    class Faulty(Extracted):
        @model_validator(mode="after")
        def _look_up(self) -> Faulty:
            raise KeyError(self.total)

    for accepted in (Faulty, (Faulty, Loan)):
        misfit = refused(GOOD, None, accepted)
        assert misfit.check == "constraints"
        assert "Faulty failed: KeyError: Decimal('12.50')" in misfit.detail


def test_the_three_checks_come_in_their_order() -> None:
    assert refused(b'{"total":"x"}', version_error="version 3 is missing").check == "schema"
    step = refused(b'{"total":-1,"confidence":0.5}', version_error="version 3 is missing")
    assert (step.check, step.detail, step.fields) == ("version", "version 3 is missing", {})
    assert refused(GOOD, version_error="version 3 is missing").check == "version"
    assert refused(b'{"total":-1,"confidence":0.5}').check == "constraints"


def test_no_value_and_an_empty_value_are_told_apart() -> None:
    assert refused(None).detail == "there is no value at all"
    assert refused(b"").detail == "the value is empty"


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b'{"total":',
        b"\xff\xfe",
        b'{"total":"\xff","confidence":1}',
        b'{"total":1,"confidence":1,"date":"\\ud800"}',
        b"\xef\xbb\xbf" + GOOD,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{'total': 1}",
        GOOD + GOOD,
        b" ",
        b'{"total":1,"confidence":' + b"9" * 5_000 + b"}",
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_a_misfit_of_the_schema(value: bytes) -> None:
    misfit = refused(value)
    assert misfit.check == "schema"
    assert "not JSON" in misfit.detail or "neither JSON nor Avro" in misfit.detail


@pytest.mark.parametrize("value", [b"null", b"1", b'"text"', b"[]", b"true"])
def test_json_that_is_no_object_is_a_misfit_of_the_schema(value: bytes) -> None:
    assert refused(value).check == "schema"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_is_none_is_a_misfit_of_the_schema(number: bytes) -> None:
    assert refused(b'{"total":1,"confidence":' + number + b"}").check == "schema"
    assert refused(b'{"total":' + number + b',"confidence":1}').check == "schema"


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"[-Infinity]", b'{"a":NaN}'])
def test_a_number_that_is_none_is_a_misfit_within_free_json_too(number: bytes) -> None:
    class Free(Contract, name="tests.free", version="1.0"):
        x: JsonValue

    misfit = refused(b'{"x":' + number + b"}", None, Free)
    assert misfit.check == "schema"
    assert Reader(Free, LocalSchemas()).read(b'{"x":"NaN, Infinity"}', None) == Free(x="NaN, Infinity")


def test_a_value_of_five_megabytes_is_read_or_refused_in_few_words() -> None:
    big = b'{"total":1,"confidence":1,"padding":"' + b"x" * 5_000_000 + b'"}'
    assert Reader(Extracted, LocalSchemas()).read(big, URN)
    misfit = refused(b'{"confidence":1,"total":"' + b"x" * 5_000_000 + b'"}')
    assert len(misfit.detail) < 500
    assert "characters cut" in misfit.detail
    assert len(str(misfit.fields["total"])) < 500


def test_a_million_wrong_items_are_counted_and_not_listed() -> None:
    class Many(Contract, name="tests.many_items", version="1.0"):
        items: list[int]

    misfit = refused(b'{"items":[' + b'"a",' * 1_000_000 + b"1]}", None, Many)
    assert misfit.detail.startswith("1,000,000 parts")
    few = refused(b'{"items":[' + b'"a",' * 100 + b"1]}", None, Many)
    assert len(few.fields) == 20
    assert few.detail.endswith("and 95 more")


def test_texts_of_a_misfit_are_cut_visibly_and_can_be_written_as_utf_8() -> None:
    class Keyed(Contract, name="tests.keyed", version="1.0"):
        counts: dict[str, int]

    value = json.dumps({"counts": {"k" * 5_000: "é" * 5_000}}).encode()
    misfit = refused(value, None, Keyed)
    (place, text), *_ = misfit.fields.items()
    assert len(place) < 200
    assert "characters cut" in place
    assert len(str(text)) < 400
    json.dumps(misfit.fields, ensure_ascii=False).encode()


def test_another_contract_is_refused_by_name() -> None:
    misfit = refused(GOOD, Loan.__contract__.urn.encode())
    assert misfit.check == "schema"
    assert misfit.detail == "loan.application@1.0 is not what is accepted here (invoice.extracted@1.1)"


@pytest.mark.parametrize(
    "dataschema",
    [
        b"urn:misstep:invoice.extracted:1.1:" + b"0" * 64,
        b"urn:misstep:invoice.extracted:1.7:" + b"0" * 64,
        b"https://example.org/schemas/invoice",
        b"urn:misstep:invoice.extracted",
        b"urn:misstep:invoice.extracted:1.1:short",
        b"\xff\xfe",
        b"\0",
        b"x" * 100_000,
    ],
)
def test_a_contract_that_nobody_knows_is_refused(dataschema: bytes) -> None:
    misfit = refused(GOOD, dataschema)
    assert misfit.check == "schema"
    assert "unknown contract" in misfit.detail
    assert len(misfit.detail) < 500


def test_a_hash_that_belongs_to_another_contract_is_refused() -> None:
    lie = URN.replace(Extracted.__contract__.sha256.encode(), Loan.__contract__.sha256.encode())
    assert "its sha256 is that of loan.application@1.0" in refused(GOOD, lie).detail


def test_a_newer_major_says_that_the_reader_must_be_deployed_first() -> None:
    assert "deploy the reader first" in refused(GOOD, b"urn:misstep:invoice.extracted:2.0").detail


def test_an_older_major_without_an_upcaster_says_so() -> None:
    assert "no upcaster" in refused(GOOD, b"urn:misstep:invoice.extracted:0.9").detail


def test_a_contract_that_becomes_known_later_is_read_then() -> None:
    other = _another_version_1_1(default="MYR")
    urn = f"urn:misstep:{other.name}:{other.version}:{other.sha256}".encode()
    schemas = LocalSchemas([Extracted])
    reader = Reader(Extracted, schemas)
    with pytest.raises(Misfit, match="unknown contract"):
        reader.read(GOOD, urn)
    schemas.add(other)
    assert reader.read(GOOD, urn)


def test_another_contract_of_the_same_version_is_read_if_its_schema_can_be() -> None:
    schemas = LocalSchemas([Extracted])
    other = _another_version_1_1(default="MYR")
    schemas.add(other)
    assert Reader(Extracted, schemas).read(GOOD, f"urn:misstep:invoice.extracted:1.1:{other.sha256}".encode())


def test_another_contract_of_the_same_version_is_refused_if_its_schema_cannot_be_read() -> None:
    class Elsewhere(Contract, name="invoice.extracted_elsewhere", version="1.1"):
        total: bool
        confidence: float

    record = _renamed(SchemaRecord.of(Elsewhere), "invoice.extracted")
    schemas = LocalSchemas([Extracted])
    schemas.add(record)
    misfit = refused(GOOD, f"urn:misstep:invoice.extracted:1.1:{record.sha256}".encode(), schemas=schemas)
    assert misfit.check == "schema"
    assert "cannot be read as this one: total:" in misfit.detail


def test_either_is_told_by_the_name_of_the_contract() -> None:
    reader = Reader((Extracted, Loan), LocalSchemas())
    assert isinstance(reader.read(GOOD, URN), Extracted)


def test_a_bare_value_is_the_first_of_either_that_fits(loan_lines: list[bytes]) -> None:
    reader = Reader((Extracted, Loan), LocalSchemas())
    assert isinstance(reader.read(loan_lines[0], None), Loan)
    assert isinstance(reader.read(GOOD, None), Extracted)


def test_a_bare_value_that_fits_neither_is_told_what_each_lacks() -> None:
    misfit = refused(b"{}", None, (Extracted, Loan))
    assert misfit.check == "schema"
    assert "Extracted (" in misfit.detail
    assert "Loan (" in misfit.detail


def test_a_stricter_and_a_plain_reading_of_one_contract_may_stand_side_by_side() -> None:
    reader = Reader((Trusted, Extracted), LocalSchemas())
    assert type(reader.read(b'{"total":1,"confidence":0.9}', URN)) is Trusted
    assert type(reader.read(b'{"total":1,"confidence":0.3}', URN)) is Extracted


def test_an_avro_contract_takes_json_as_well(loan_lines: list[bytes]) -> None:
    reader = Reader(AvroLoan, LocalSchemas())
    for dataschema in (None, AvroLoan.__contract__.urn.encode()):
        assert reader.read(loan_lines[0], dataschema) == AvroLoan.model_validate_json(loan_lines[0])


def test_a_json_contract_takes_avro_of_its_own_schema() -> None:
    class Packed(Contract, name="tests.packed", version="1.0"):
        total: Decimal

    class AsAvro(Packed, name="tests.packed_avro", version="1.0", encoding="avro"):
        pass

    schemas = LocalSchemas()
    schemas.add(_renamed(SchemaRecord.of(AsAvro), "tests.packed"))
    assert Reader(Packed, schemas).read(encode(AsAvro(total=Decimal(3))), None) == Packed(total=Decimal(3))


@pytest.mark.parametrize("encoding", ["json", "avro"])
def test_the_confluent_wire_format_is_read(encoding: Any, loan_lines: list[bytes]) -> None:
    schemas = LocalSchemas()
    contract = Loan if encoding == "json" else AvroLoan
    payload = contract.model_validate_json(loan_lines[0])
    schemas.add(SchemaRecord.of(contract), confluent_id=7)
    body = encode(payload) if encoding == "json" else encode(payload)[10:]
    reader = Reader(contract, schemas)
    for dataschema in (None, contract.__contract__.urn.encode()):
        assert reader.read(b"\0\0\0\0\7" + body, dataschema) == payload


def test_a_foreign_schema_of_the_confluent_wire_format_is_read_as_what_is_accepted() -> None:
    class Payment(Contract, name="tests.payment", version="1.0"):
        amount: Decimal
        at: str

    foreign = {
        "type": "record",
        "name": "Payment",
        "namespace": "com.example",
        "fields": [
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "note", "type": ["null", {"type": "string", "avro.java.string": "String"}], "default": None},
        ],
    }
    schemas = LocalSchemas()
    record = SchemaRecord("com.example.Payment", "1.0", "0" * 64, b"\0" * 8, "avro", json.dumps(foreign), "")
    schemas.add(record, confluent_id=12)
    value = b"\0\0\0\0\x0c" + b"\x04\x04\xe2" + b"\x00" + b"\x00"
    payload = Reader(Payment, schemas).read(value, None)
    assert payload == Payment(amount=Decimal("12.50"), at="1970-01-01T00:00:00Z")


@pytest.mark.parametrize("value", [b"\0", b"\0\0\0\0", b"\0\0\0\0\7", b"\0\0\0\0\7{}", b"\0" * 50])
def test_an_unknown_or_truncated_confluent_value_is_refused(value: bytes) -> None:
    assert refused(value, None).check == "schema"


def test_a_reader_remembers_a_bounded_number_of_writers() -> None:
    reader = Reader(Extracted, LocalSchemas())
    for minor in range(3_000):
        reader.read(GOOD, f"urn:misstep:invoice.extracted:1.{minor}".encode())
    assert len(reader._ways) <= 1_024


def test_a_schema_that_travelled_is_the_schema_that_was_sent() -> None:
    record = SchemaRecord.of(AvroLoan)
    assert SchemaRecord.from_bytes(record.to_bytes()) == record


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"name":1}', SchemaRecord.of(Loan).to_bytes().replace(b"1.0", b"1")]
)
def test_a_record_that_is_no_schema_says_what_is_wrong(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"schema record|major\.minor"):
        SchemaRecord.from_bytes(raw)


def _another_version_1_1(default: str) -> SchemaRecord:
    """invoice.extracted@1.1 as somebody else understood it."""

    class Elsewhere(Contract, name="invoice.extracted_elsewhere", version="1.1"):
        total: Decimal = Field(gt=0)
        confidence: float
        currency: str = default

    return _renamed(SchemaRecord.of(Elsewhere), "invoice.extracted")


def _renamed(record: SchemaRecord, name: str) -> SchemaRecord:
    said = json.loads(record.to_bytes())
    said["avro_schema"] = said["avro_schema"].replace(record.name, name)
    return SchemaRecord.from_bytes(json.dumps({**said, "name": name}).encode())
