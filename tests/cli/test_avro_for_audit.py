"""Avro payloads reach the audit as JSON."""

from __future__ import annotations

from decimal import Decimal

import orjson
from pydantic import Field

from misstep.cli.avro_for_audit import AvroForAudit
from misstep.contracts import Contract, LocalSchemas, encode


class Weighed(Contract, name="audit.weighed", version="1.0", encoding="avro"):
    """A parcel on the scales."""

    grams: int
    fee: Decimal = Field(max_digits=8, decimal_places=2)


def test_a_value_is_read_with_the_schema_that_it_names() -> None:
    decode = AvroForAudit(LocalSchemas([Weighed]))
    said = decode({}, encode(Weighed(grams=250, fee=Decimal("3.10"))))
    assert said is not None
    assert orjson.loads(said)["grams"] == 250


def test_what_cannot_be_read_is_left_as_it_is() -> None:
    decode = AvroForAudit(LocalSchemas([Weighed]))
    whole = encode(Weighed(grams=250, fee=Decimal("3.10")))
    assert AvroForAudit(LocalSchemas([]))({}, whole) is None, "a schema that nobody knows"
    assert decode({}, whole[:-1]) is None, "cut off"
    assert decode({}, b"\xc3\x01") is None, "nothing but the mark"
    assert decode({}, b"\x00\x00\x00\x00\x01{}") is None, "another wire format"
