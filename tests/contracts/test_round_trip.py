"""Whatever a contract can say comes back as it was, through JSON and through Avro."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from misstep.contracts import Contract, LocalSchemas, Misfit, Reader, content_type, encode
from tests.contracts.models import (
    AvroEverything,
    AvroLoan,
    Circle,
    Colour,
    Everything,
    Extracted,
    Level,
    Loan,
    Point,
    Size,
    Span,
    Square,
    Tree,
    Trusted,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LONG = st.integers(-(2**63), 2**63 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
DECIMAL = st.decimals(allow_nan=False, allow_infinity=False)
PRICE = st.decimals(-(10**9), 10**9, places=4)
RADIUS = st.decimals(-(10**6), 10**6, places=3)
OFFSET = st.integers(-1_439, 1_439).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
NAIVE = st.datetimes()
AWARE = st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 1, 1), timezones=OFFSET)
POINT = st.builds(Point, x=LONG, y=DECIMAL)
CIRCLE = st.builds(Circle, radius=RADIUS)
SQUARE = st.builds(Square, radius=RADIUS)
FREE: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "number": LONG,
    "ratio": FLOAT,
    "flag": st.booleans(),
    "raw": st.binary(max_size=8),
    "amount": DECIMAL,
    "price": PRICE,
    "day": st.dates(),
    "moment": NAIVE | AWARE,
    "aware": AWARE,
    "naive": NAIVE,
    "hour": st.times(),
    "length": st.timedeltas(datetime.timedelta(days=-999_999), datetime.timedelta(days=999_999)),
    "ident": st.uuids(),
    "colour": st.sampled_from(Colour),
    "size": st.sampled_from(Size),
    "level": st.sampled_from(Level),
    "word": st.sampled_from(["yes", "no"]),
    "mixed": st.sampled_from(["one", 2, None]),
    "point": POINT,
    "points": st.lists(POINT, max_size=3),
    "maybe": st.none() | POINT,
    "maybe_text": st.none() | TEXT,
    "pair": st.tuples(LONG, TEXT),
    "triple": st.tuples(st.dates(), st.binary(max_size=4), DECIMAL),
    "names": st.frozensets(TEXT, max_size=3),
    "by_name": st.dictionaries(TEXT, POINT, max_size=2),
    "by_number": st.dictionaries(LONG, FLOAT, max_size=2),
    "free": FREE,
    "frees": st.dictionaries(TEXT, FREE, max_size=2),
    "either": LONG | TEXT,
    "number_or_day": LONG | st.dates(),
    "lists": st.lists(LONG, max_size=2) | st.dictionaries(TEXT, LONG, max_size=2),
    "shape": CIRCLE | SQUARE,
    "any_shape": st.lists(st.none() | CIRCLE | SQUARE | POINT, max_size=3),
    "span": st.builds(Span, begin=st.dates(), end=st.none() | st.dates()),
    "extra": st.fixed_dictionaries({"always": LONG}, optional={"sometimes": TEXT}),
    "concept:name": TEXT,
}


@pytest.mark.parametrize("contract", [Everything, AvroEverything])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_payload_with_a_field_of_every_kind_comes_back_exactly(contract: type[Contract], data: st.DataObject) -> None:
    payload = contract(**data.draw(st.fixed_dictionaries(FIELDS)))
    again = _through(payload)
    assert again == payload
    # Equal is not enough: an offset, a trailing zero and a minus before it are part of what was said.
    assert _written_alike(again) == _written_alike(payload)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.builds(Tree, label=TEXT),
        lambda inner: st.builds(Tree, label=TEXT, children=st.lists(inner, max_size=3), left=st.none() | inner),
        max_leaves=6,
    )
)
def test_a_contract_that_contains_itself_comes_back_exactly(tree: Tree) -> None:
    assert _through(tree) == tree


def test_real_loans_come_back_exactly_in_both_encodings(loan_lines: list[bytes]) -> None:
    for line in loan_lines[:300]:
        plain, packed = Loan.model_validate_json(line), AvroLoan.model_validate_json(line)
        assert _through(plain) == plain
        assert _through(packed) == packed
        assert _through(packed).model_dump_json() == plain.model_dump_json()


def test_json_is_what_pydantic_writes_and_the_content_type_says_so() -> None:
    payload = Extracted(total=Decimal("12.50"), confidence=0.9, date=datetime.date(2018, 3, 25))
    assert encode(payload) == b'{"total":"12.50","confidence":0.9,"date":"2018-03-25"}'
    assert content_type(Extracted.__contract__) == "application/json"


def test_avro_is_the_single_object_encoding_and_the_content_type_says_so(loan_lines: list[bytes]) -> None:
    value = encode(AvroLoan.model_validate_json(loan_lines[0]))
    assert value[:2] == b"\xc3\x01"
    assert value[2:10] == AvroLoan.__contract__.fingerprint
    assert content_type(AvroLoan.__contract__) == "avro/binary"


def test_a_time_keeps_its_offset_in_avro_because_an_encoding_must_not_move_a_date() -> None:
    midnight = AvroLoan(
        application_id="1",
        registered_at=datetime.datetime.fromisoformat("2012-02-23T00:30:00+01:00"),
        amount_requested=1,
        outcome="declined",
        activities=[],
    )
    again = _through(midnight)
    assert isinstance(again, AvroLoan)
    assert again.registered_at.date() == datetime.date(2012, 2, 23)


def test_an_amount_keeps_its_zeros_where_the_contract_does_not_fix_them() -> None:
    again = _through(Extracted(total=Decimal("12.50"), confidence=1))
    assert isinstance(again, Extracted)
    assert str(again.total) == "12.50"


def test_a_stricter_reading_is_written_as_the_contract_whose_identity_it_shares() -> None:
    class Wordy(Trusted):
        remark: str = "only here"

    assert "remark" not in json.loads(encode(Wordy(total=Decimal(1), confidence=0.8)))


@pytest.mark.parametrize("contract", [Extracted, AvroEverything])
def test_a_payload_made_past_its_own_validation_is_a_misfit_when_it_is_written(contract: type[Contract]) -> None:
    with pytest.raises(Misfit, match="cannot be written as") as refused:
        encode(contract.model_construct(total="much", confidence="high"))
    assert refused.value.check == "schema"


def test_a_number_that_avro_cannot_hold_is_a_misfit_when_it_is_written() -> None:
    class Big(Contract, name="tests.big", version="1.0", encoding="avro"):
        x: int

    assert _through(Big(x=2**63 - 1)) == Big(x=2**63 - 1)
    with pytest.raises(Misfit, match="cannot be written"):
        encode(Big(x=2**63))


@pytest.mark.parametrize("encoding", ["json", "avro"])
def test_half_a_character_is_a_misfit_when_it_is_written(encoding: Any) -> None:
    class Free(Contract, name=f"tests.free_{encoding}", version="1.0", encoding=encoding):
        x: JsonValue

    with pytest.raises(Misfit, match="cannot be written"):
        encode(Free(x="\ud800"))


def _through(payload: Contract) -> Contract:
    contract = type(payload)
    return Reader(contract, LocalSchemas()).read(encode(payload), contract.__contract__.urn.encode())


def _written_alike(payload: Contract) -> Any:
    said = payload.model_dump(mode="json")
    said["names"] = sorted(said["names"])
    # These two have a fixed number of places, which Avro's decimal fills up with zeros.
    said["price"] = Decimal(said["price"])
    for shape in [said["shape"], *said["any_shape"]]:
        if shape and "radius" in shape:
            shape["radius"] = Decimal(shape["radius"])
    return said
