"""Avro values that are cut, forged or of another schema: a misfit each, and never anything else."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misstep.contracts import AvroText, Contract, LocalSchemas, Misfit, Reader, encode
from misstep.contracts.avro_value import AvroValue, NotAvro
from tests.contracts.models import AvroEverything, AvroLoan, Tree

HEAD = b"\xc3\x01"


def test_a_value_cut_at_any_byte_is_a_misfit(loan_lines: list[bytes]) -> None:
    value = encode(AvroLoan.model_validate_json(min(loan_lines, key=len)))
    reader = Reader(AvroLoan, LocalSchemas())
    for dataschema in (None, AvroLoan.__contract__.urn.encode()):
        for length in range(len(value)):
            with pytest.raises(Misfit) as caught:
                reader.read(value[:length], dataschema)
            assert caught.value.check == "schema"


def test_a_value_with_bytes_left_over_is_a_misfit(loan_lines: list[bytes]) -> None:
    value = encode(AvroLoan.model_validate_json(loan_lines[0]))
    with pytest.raises(Misfit, match="left over"):
        Reader(AvroLoan, LocalSchemas()).read(value + b"\0", None)


def test_an_unknown_fingerprint_is_told() -> None:
    with pytest.raises(Misfit, match="unknown Avro fingerprint 0102030405060708"):
        Reader(AvroLoan, LocalSchemas()).read(HEAD + bytes(range(1, 9)) + b"\0", None)


def test_a_fingerprint_that_is_not_the_named_contracts_is_told() -> None:
    value = HEAD + bytes(range(1, 9)) + b"\0"
    with pytest.raises(Misfit, match=r"is not that of loan\.application_in_avro@1\.0"):
        Reader(AvroLoan, LocalSchemas()).read(value, AvroLoan.__contract__.urn.encode())


def test_a_bare_avro_value_of_another_contract_is_refused_by_name() -> None:
    with pytest.raises(Misfit, match=r"tests\.tree@1\.0 is not what is accepted here"):
        Reader(AvroLoan, LocalSchemas()).read(encode(Tree(label="x")), None)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_behind_a_good_head_are_a_payload_or_a_misfit(body: bytes) -> None:
    for contract in (AvroLoan, AvroEverything, Tree):
        _payload_or_misfit(contract, HEAD + contract.__contract__.fingerprint + body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.one_of(st.none(), st.binary(max_size=40)))
def test_any_bytes_at_all_are_a_payload_or_a_misfit(value: bytes, dataschema: bytes | None) -> None:
    for prefix in (b"", HEAD, b"\0", b"{"):
        _payload_or_misfit(AvroLoan, prefix + value, dataschema)


def test_a_flipped_bit_is_a_payload_or_a_misfit(loan_lines: list[bytes]) -> None:
    luck = random.Random(7)
    for line in loan_lines[:50]:
        value = bytearray(encode(AvroLoan.model_validate_json(line)))
        for _ in range(20):
            at = luck.randrange(len(value))
            value[at] ^= 1 << luck.randrange(8)
            _payload_or_misfit(AvroLoan, bytes(value))


def test_a_length_that_is_no_length_is_a_misfit() -> None:
    head = HEAD + Tree.__contract__.fingerprint
    for length in (b"\xff" * 9 + b"\x01", b"\xfe" * 9 + b"\x01", b"\x01", b"\xff" * 50):
        with pytest.raises(Misfit):
            Reader(Tree, LocalSchemas()).read(head + length, None)


@pytest.mark.parametrize("depth", [1_000, 10_000, 1_000_000])
def test_a_value_nested_too_deep_is_a_misfit_and_not_the_end_of_the_process(depth: int) -> None:
    # fastavro's compiled reader ends the process with SIGSEGV here: hence a process of its own.
    code = f"""
from misstep.contracts import LocalSchemas, Misfit, Reader
from tests.contracts.models import Tree
head = b"\\xc3\\x01" + Tree.__contract__.fingerprint
empty_label, no_children, one_more = b"\\x00", b"\\x00", b"\\x02"
try:
    Reader(Tree, LocalSchemas()).read(head + (empty_label + no_children + one_more) * {depth}, None)
except Misfit as misfit:
    print(misfit)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "schema: not an Avro value" in done.stdout


def test_an_array_of_nothing_is_refused_because_twenty_bytes_could_claim_its_items_without_end() -> None:
    nothing = {"type": "record", "name": "nothing", "fields": [{"name": "no", "type": "null"}]}
    for items in ("null", nothing, {"type": "fixed", "name": "none", "size": 0}):
        with pytest.raises(ValueError, match="no bytes at all"):
            AvroValue(
                {"type": "record", "name": "r", "fields": [{"name": "x", "type": {"type": "array", "items": items}}]}
            )


def test_a_contract_with_a_list_of_nothing_still_travels_as_json() -> None:
    class Nothing(Contract, name="tests.nothing", version="1.0"):
        x: list[None]

    assert Reader(Nothing, LocalSchemas()).read(encode(Nothing(x=[None])), None) == Nothing(x=[None])


@pytest.mark.parametrize("schema", [{}, {"type": "record"}, {"type": "nothing"}, {"type": "array"}])
def test_a_schema_that_is_none_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no Avro schema"):
        AvroValue(schema)


def test_schemas_of_other_makers_are_read_whatever_their_spelling() -> None:
    value = AvroValue(
        {
            "type": "record",
            "name": "Order",
            "namespace": "com.example",
            "fields": [
                {
                    "name": "lines",
                    "type": {
                        "type": "array",
                        "items": {
                            "type": "record",
                            "name": "Line",
                            "fields": [
                                {"name": "text", "type": {"type": {"type": "string"}}},
                                {
                                    "name": "price",
                                    "type": {
                                        "type": "fixed",
                                        "name": "Price",
                                        "size": 4,
                                        "logicalType": "decimal",
                                        "precision": 9,
                                        "scale": 2,
                                    },
                                },
                            ],
                        },
                    },
                },
                {"name": "last", "type": ["null", {"type": "Line"}]},
                {"name": "free", "type": {"type": "bytes", "logicalType": "json"}},
            ],
        }
    )
    body = b"\x02" + b"\x02a" + b"\x00\x00\x04\xe2" + b"\x00" + b"\x00" + b'\x0e{"a":1}'
    assert value.read(body) == b'{"lines":[{"text":"a","price":"12.50"}],"last":null,"free":{"a":1}}'
    with pytest.raises(NotAvro):
        value.read(body[:-1])
    with pytest.raises(NotAvro):
        value.read(body[:-3] + b"x" * 3)


def test_an_amount_is_the_logical_type_decimal_where_its_digits_are_bounded() -> None:
    fields = {field["name"]: field["type"] for field in AvroEverything.__contract__.avro_schema["fields"]}
    assert fields["price"] == {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}
    assert fields["amount"] == "string"


def test_an_avro_value_as_text_is_its_json_and_anything_else_is_none(loan_lines: list[bytes]) -> None:
    text = AvroText(LocalSchemas())
    loan = AvroLoan.model_validate_json(loan_lines[0])
    value = encode(loan)
    for dataschema in (AvroLoan.__contract__.urn.encode(), b"", b"urn:\xff"):
        assert text({"ce_dataschema": dataschema}, value) == loan.model_dump_json().encode()
    for other in (b"", b"{}", b"\xc3\x01", value[:-1], value + b"x", HEAD + bytes(50), bytes(50)):
        assert text({}, other) is None


def _payload_or_misfit(contract: type[Contract], value: bytes, dataschema: bytes | None = None) -> None:
    with suppress(Misfit):
        assert isinstance(Reader(contract, LocalSchemas()).read(value, dataschema), contract)
