"""Who a contract is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Literal

import avro.schema
import pytest
from pydantic import Field

from misstep.contracts import Contract, contracts_declared
from misstep.contracts.avro_shape import as_text, fingerprint
from misstep.contracts.event import case_id_of
from misstep.errors import UsageError
from tests.contracts.models import AvroEverything, Everything, Extracted, Loan, Trusted


def test_identity_is_name_version_and_sha256_of_the_whole_contract() -> None:
    identity = Extracted.__contract__
    assert (identity.name, identity.version, identity.major, identity.minor) == ("invoice.extracted", "1.1", 1, 1)
    assert len(identity.sha256) == 64
    assert identity.urn == f"urn:misstep:invoice.extracted:1.1:{identity.sha256}"
    assert identity.model is Extracted


def test_a_nameless_subclass_is_a_stricter_reading_of_the_same_contract() -> None:
    assert Trusted.__contract__ is Extracted.__contract__


def test_a_subclass_with_a_name_is_a_contract_of_its_own() -> None:
    class Second(Extracted, name="invoice.extracted", version="2.0"):
        currency: str

    assert Second.__contract__.major == 2
    assert Second.__contract__.sha256 != Extracted.__contract__.sha256


def test_fields_may_be_called_name_and_version() -> None:
    assert {"name", "version"} <= Everything.model_fields.keys()
    assert Everything.__contract__.name == "tests.everything"


@pytest.mark.parametrize("name", ["Invoice", "invoice.", ".invoice", "in voice", "invoice-extracted", "1.x", "x" * 121])
def test_a_name_that_is_none_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="is not a contract's name") as refused:
        _declare(name=name, version="1.0")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("version", ["", "1", "1.0.0", "v1.0", "01.0", "1.x", "-1.0", "1.0\n"])
def test_a_version_that_is_none_is_refused_in_one_sentence(version: str) -> None:
    with pytest.raises(UsageError, match="is not major"):
        _declare(name="tests.refused", version=version)


def test_a_version_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="no name"):
        _declare(version="1.0")


def test_a_contract_without_a_name_says_so_when_it_is_asked_who_it_is() -> None:
    class Nobody(Contract):
        x: int

    with pytest.raises(UsageError, match=r"Nobody is no contract yet"):
        _ = Nobody.__contract__


def test_words_for_people_are_no_part_of_the_hash_and_everything_else_is() -> None:
    plain = _variant()
    assert _variant(doc="Other words.").__contract__.sha256 == plain.__contract__.sha256
    assert _variant(description="What it comes to.").__contract__.sha256 == plain.__contract__.sha256
    others = [
        _variant(gt=1),
        _variant(annotation=float),
        _variant(version="1.1"),
        _variant(name="tests.other"),
        _variant(encoding="avro"),
        _variant(default=5),
    ]
    hashes = {plain.__contract__.sha256, *(other.__contract__.sha256 for other in others)}
    assert len(hashes) == len(others) + 1


def test_the_hash_does_not_depend_on_the_process() -> None:
    # A contract's name in events: were this to change, every event in every topic would be of an unknown contract.
    assert Loan.__contract__.sha256 == "9d1a2e368b20589c72cd32ca309688ec2a306fc6152ea598e2ab8b588dc8fe02"


def test_the_hash_does_not_depend_on_the_order_that_a_process_gives_to_sets() -> None:
    code = """
from misstep.contracts import Contract
class Tagged(Contract, name="tests.tagged", version="1.0"):
    tags: set[str] = {"a", "b", "c", "d"}
    more: frozenset[str] | None = frozenset("wxyz")
print(Tagged.__contract__.sha256)
"""
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(hashes) == 1


def test_the_fingerprint_is_avros_own() -> None:
    # Value of the Avro specification's reference implementation for the schema "null", in little-endian bytes.
    assert fingerprint("null").hex() == "8a8f25cce724dd63"
    schema = {"type": "record", "name": "a.b", "fields": [{"name": "x", "type": ["null", "long"], "doc": "left out"}]}
    assert fingerprint(schema) == avro.schema.parse(as_text(schema)).fingerprint("CRC-64-AVRO")


def test_every_declared_contract_is_known_by_name_with_its_versions_ascending() -> None:
    class Later(Contract, name="tests.many", version="1.10"):
        x: int

    class Earlier(Contract, name="tests.many", version="1.9"):
        x: int

    assert contracts_declared()["tests.many"] == (Earlier, Later)


def test_a_contract_declared_anew_takes_the_place_of_the_old_class() -> None:
    first, second = _variant(name="tests.reloaded"), _variant(name="tests.reloaded")
    assert first is not second
    assert contracts_declared()["tests.reloaded"] == (second,)


def test_a_field_that_json_cannot_say_is_refused_in_one_sentence() -> None:
    class Odd(Contract, name="tests.odd", version="1.0"):
        callback: Callable[[int], int]

    with pytest.raises(UsageError, match="cannot be said in JSON") as refused:
        _ = Odd.__contract__.sha256
    assert "\n" not in str(refused.value)


def test_a_type_that_does_not_exist_is_refused_in_one_sentence() -> None:
    class Dangling(Contract, name="tests.dangling", version="1.0"):
        other: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(UsageError, match="Nowhere"):
        _ = Dangling.__contract__.sha256


def test_the_same_model_in_json_and_in_avro_is_two_contracts() -> None:
    assert AvroEverything.__contract__.sha256 != Everything.__contract__.sha256
    assert Everything.__contract__.encoding == "json"


def _declare(**identity: Any) -> type[Contract]:
    class Refused(Contract, **identity):
        x: int

    return Refused


def _variant(
    *,
    name: str = "tests.variant",
    version: str = "1.0",
    encoding: Literal["json", "avro"] = "json",
    gt: int = 0,
    annotation: type = int,
    doc: str = "Words.",
    description: str = "The sum.",
    default: Any = ...,
) -> type[Contract]:
    class Variant(Contract, name=name, version=version, encoding=encoding):
        __doc__ = doc
        total: annotation = Field(default, gt=gt, description=description)  # type: ignore[valid-type]

    return Variant


def test_a_message_without_a_key_is_named_by_its_place_and_no_two_places_have_one_name() -> None:
    topics = ("ns.flow.cases", "ns.flow.read", "ns.flow.read.failed", "ns.flow.undo")
    assert case_id_of(None, topics[0], 0, 7) == "unkeyed-0-7"
    assert case_id_of(b"", topics[2], 0, 7) == "unkeyed-read.failed-0-7"
    assert len({case_id_of(None, topic, 0, 7) for topic in topics}) == len(topics)
