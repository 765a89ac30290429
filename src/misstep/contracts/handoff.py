"""Reading at the boundary: bytes and the name of a contract in, a checked payload or a misfit out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from misstep.contracts.avro_shape import holds_free_json
from misstep.contracts.avro_value import AvroValue, NotAvro
from misstep.contracts.codec import SINGLE_OBJECT, avro_value
from misstep.contracts.compatible import why_unreadable
from misstep.contracts.contract import Contract
from misstep.contracts.identity import Identity, complete
from misstep.contracts.misfit import Misfit, breaks_the_schema, cut, misfit_of
from misstep.contracts.schema_record import SchemaRecord, SchemaSource
from misstep.contracts.upcast import Upcaster, raised, upcasters_of, way_up
from misstep.errors import UsageError

_AVRO_FIRST: Final = 0xC3
_CONFLUENT_FIRST: Final = 0x00
_CONFLUENT_HEAD_BYTES: Final = 5
_WAYS_MAX: Final = 1_024
"""Writers remembered for each reader: more than one ever has, and a bound on what strange headers can take."""
_DATASCHEMA: Final = re.compile(r"urn:misstep:([a-z0-9_.]{1,120}):((\d{1,6})\.(\d{1,6}))(?::([0-9a-f]{64}))?")

K = TypeVar("K")


class _Way:
    """How the values of one writer are read: as which contracts, after which steps, by which schema."""

    __slots__ = ("body", "candidates", "fingerprint", "validate", "writer")

    def __init__(
        self,
        candidates: Sequence[tuple[type[Contract], Sequence[Upcaster]]],
        writer: str,
        fingerprint: bytes | None = None,
        body: AvroValue | None = None,
    ) -> None:
        self.candidates = candidates
        self.writer = writer
        """Who writes so, for messages."""
        self.fingerprint = fingerprint
        self.body = body
        """Reads the writer's Avro values; None where the writer's schema comes with the value."""
        self.validate: Callable[[bytes], Contract] | None = None
        if len(candidates) == 1 and not candidates[0][1]:
            self.validate = candidates[0][0].__pydantic_validator__.validate_json


class Reader:
    """Reads what one agent accepts: one contract, or one of several ("either")."""

    def __init__(self, accepted: type[Contract] | tuple[type[Contract], ...], schemas: SchemaSource) -> None:
        """accepted: classes, stricter readings included; of several that fit, the first is meant.

        Raises UsageError for a contract that cannot be said in JSON or Avro, or names a type that does not exist.
        """
        self.accepted: Final = accepted if isinstance(accepted, tuple) else (accepted,)
        self._schemas = schemas
        self._free = False
        for contract in self.accepted:
            complete(contract)
            # Whatever is wrong with the declaration is said here, so that `read` raises nothing but Misfit.
            assert contract.__contract__.urn
            _avro_value(contract.__contract__)
            self._free |= holds_free_json(contract.__contract__.avro_schema)
        self._ways: dict[bytes | None, _Way] = {
            None: _Way([(contract, ()) for contract in self.accepted], "a writer that names no contract")
        }
        self._embedded: dict[tuple[bytes | None, bytes | int], _Way] = {}
        """Where the value itself names its schema: by the header, and the fingerprint or Confluent id."""

    def read(self, value: bytes | None, dataschema: bytes | None, *, version_error: str | None = None) -> Contract:
        """The payload of one event.

        value: the message's bytes. dataschema: its `ce_dataschema`; None or empty when the value came without headers,
        and is then read as what is accepted here. version_error: why the version step does not hold, if it does not.

        Raises Misfit, and nothing else: "schema" when the value cannot be read as its contract, else "version", else
        "constraints".
        """
        way = self._ways.get(dataschema)
        if way is None:
            way = self._new_way(dataschema)
        if not value:
            raise Misfit("schema", "there is no value at all" if value is None else "the value is empty")
        first = value[0]
        if way.validate is not None and first != _AVRO_FIRST and first != _CONFLUENT_FIRST:
            if self._free:
                _must_be_json(value)
            try:
                payload = way.validate(value)
            except ValidationError as error:
                raise self._refusal(way.candidates[0][0], error, value, version_error) from None
            except Exception as error:  # noqa: BLE001  a validator is the project's own code
                raise _fault(way.candidates[0][0], error) from None
        else:
            payload = self._read_slowly(way, value, first, dataschema, version_error)
        if version_error is not None:
            raise Misfit("version", version_error)
        return payload

    def _read_slowly(
        self, way: _Way, value: bytes, first: int, dataschema: bytes | None, version_error: str | None
    ) -> Contract:
        """Avro, the Confluent wire format, unions, and old majors."""
        if first == _AVRO_FIRST:
            way, value = self._from_avro(way, value, dataschema)
        elif first == _CONFLUENT_FIRST:
            way, value = self._from_confluent(way, value, dataschema)
        if self._free:
            _must_be_json(value)
        refusals: list[Misfit] = []
        for contract, steps in way.candidates:
            body = raised(value, steps) if steps else value
            try:
                return contract.__pydantic_validator__.validate_json(body)  # type: ignore[no-any-return]
            except ValidationError as error:
                refusals.append(self._refusal(contract, error, body, version_error))
            except Exception as error:  # noqa: BLE001  a validator is the project's own code
                refusals.append(_fault(contract, error))
        if len(refusals) == 1:
            raise refusals[0]
        closest = next((refusal for refusal in refusals if refusal.check != "schema"), None)
        if closest is not None:
            raise closest
        told = [
            f"{contract.__name__} ({refusal.detail})"
            for (contract, _), refusal in zip(way.candidates, refusals, strict=True)
        ]
        fewest = min(refusals, key=lambda refusal: len(refusal.fields) or 99)
        raise Misfit("schema", f"fits none of {', '.join(told)}", fewest.fields)

    def _refusal(
        self, contract: type[Contract], error: ValidationError, value: bytes, version_error: str | None
    ) -> Misfit:
        """Which check a value failed. What a stricter reading adds is a constraint, whatever pydantic calls it."""
        schema = breaks_the_schema(error)
        model = contract.__contract__.model
        if schema and contract is not model:
            try:
                model.__pydantic_validator__.validate_json(value)
                schema = False
            except ValidationError as plain:
                schema = breaks_the_schema(plain)
            except Exception as fault:  # noqa: BLE001  a validator is the project's own code
                return _fault(model, fault)
        if not schema and version_error is not None:
            return Misfit("version", version_error)
        return misfit_of(error, "schema" if schema else "constraints")

    def _from_avro(self, way: _Way, value: bytes, dataschema: bytes | None) -> tuple[_Way, bytes]:
        if len(value) < len(SINGLE_OBJECT) + 8 or value[:2] != SINGLE_OBJECT:
            raise Misfit("schema", f"neither JSON nor Avro: it begins with {value[:10].hex(' ')}")
        fingerprint = value[2:10]
        if way.fingerprint is None:
            found = self._embedded.get((dataschema, fingerprint))
            if found is None:
                found = self._way_by_fingerprint(way, fingerprint)
                self._remember(self._embedded, (dataschema, fingerprint), found)
            way = found
        elif way.fingerprint != fingerprint:
            raise Misfit("schema", f"the value's Avro fingerprint {fingerprint.hex()} is not that of {way.writer}")
        return way, _body(way, value[10:])

    def _way_by_fingerprint(self, way: _Way, fingerprint: bytes) -> _Way:
        for contract, steps in way.candidates:
            identity = contract.__contract__
            if not steps and identity.fingerprint == fingerprint:
                same = [other for other in way.candidates if other[0].__contract__ is identity]
                return _Way(same, identity.text, fingerprint, _avro_value(identity))
        record = self._schemas.by_fingerprint(fingerprint)
        if record is None:
            raise Misfit("schema", f"unknown Avro fingerprint {fingerprint.hex()}: no known contract has it")
        if all(contract.__contract__.name != record.name for contract, _ in way.candidates):
            raise self._not_accepted(record.name, record.version)
        return self._way_of(record)

    def _from_confluent(self, way: _Way, value: bytes, dataschema: bytes | None) -> tuple[_Way, bytes]:
        if len(value) < _CONFLUENT_HEAD_BYTES:
            raise Misfit("schema", f"neither JSON nor Avro: it is {value.hex(' ')}")
        schema_id = int.from_bytes(value[1:_CONFLUENT_HEAD_BYTES], "big")
        found = self._embedded.get((dataschema, schema_id))
        if found is None:
            found = self._way_by_confluent_id(way, schema_id, bare=not dataschema)
            self._remember(self._embedded, (dataschema, schema_id), found)
        body = value[_CONFLUENT_HEAD_BYTES:]
        if found.body is not None:
            return found, _body(found, body)
        if not body:
            raise Misfit("schema", "the value is empty behind its Confluent head")
        return found, body

    def _way_by_confluent_id(self, way: _Way, schema_id: int, *, bare: bool) -> _Way:
        record = self._schemas.by_confluent_id(schema_id)
        if record is None:
            raise Misfit("schema", f"unknown schema {schema_id} of the Confluent wire format")
        candidates = way.candidates
        if bare and any(contract.__contract__.name == record.name for contract in self.accepted):
            candidates = self._way_of(record).candidates
        # Else: registries name schemas in ways of their own, so what it is read as decides, not what it is called.
        if record.encoding == "json":
            return _Way(candidates, f"schema {schema_id}")
        return _Way(candidates, f"schema {schema_id}", record.fingerprint, _schema_of(record))

    def _new_way(self, dataschema: bytes | None) -> _Way:
        if not dataschema:
            return self._ways[None]
        named = _DATASCHEMA.fullmatch(dataschema.decode("utf-8", "replace"))
        if named is None:
            shown = cut(dataschema.decode("utf-8", "backslashreplace"), 200)
            raise Misfit("schema", f"unknown contract: dataschema {shown!r} is not urn:misstep:name:version:sha256")
        name, version, sha256 = named[1], named[2], named[5]
        numbers = (int(named[3]), int(named[4]))
        self._must_accept(name, version)
        own = [
            contract
            for contract in self.accepted
            if contract.__contract__.name == name
            and contract.__contract__.version == version
            and sha256 in (None, contract.__contract__.sha256)
        ]
        if own:
            identity = own[0].__contract__
            way = _Way([(contract, ()) for contract in own], identity.text, identity.fingerprint, _avro_value(identity))
        elif sha256 is None:
            # A hand-written name without its hash: enough for JSON, which says what it is.
            way = _Way(self._candidates(name, version, numbers), f"{name}@{version}")
        else:
            record = self._schemas.by_sha256(sha256)
            if record is None:
                raise Misfit("schema", f"unknown contract {name}@{version} with sha256 {sha256[:12]}…: not registered")
            if (record.name, record.version) != (name, version):
                raise Misfit(
                    "schema",
                    f"dataschema says {name}@{version}, but its sha256 is that of {record.name}@{record.version}",
                )
            way = self._way_of(record)
        self._remember(self._ways, dataschema, way)
        return way

    def _way_of(self, record: SchemaRecord) -> _Way:
        """How to read the values of a contract that is not exactly one of those accepted."""
        self._must_accept(record.name, record.version)
        candidates = self._candidates(record.name, record.version, record.numbers)
        for contract, steps in candidates:
            identity = contract.__contract__
            same_version = not steps and identity.version == record.version
            if same_version and identity.sha256 != record.sha256 and record.avro_schema:
                why = why_unreadable(identity, record.avro_schema)
                if why:
                    raise Misfit(
                        "schema",
                        f"{record.name}@{record.version} was written by another contract of the same version "
                        f"(sha256 {record.sha256[:12]}…), which cannot be read as this one: {why}",
                    )
        return _Way(candidates, f"{record.name}@{record.version}", record.fingerprint, _schema_of(record))

    def _must_accept(self, name: str, version: str) -> None:
        if all(contract.__contract__.name != name for contract in self.accepted):
            raise self._not_accepted(name, version)

    def _not_accepted(self, name: str, version: str) -> Misfit:
        return Misfit("schema", f"{name}@{version} is not what is accepted here ({self._accepted_text()})")

    def _candidates(
        self, name: str, version: str, numbers: tuple[int, int]
    ) -> list[tuple[type[Contract], Sequence[Upcaster]]]:
        """The accepted contracts of this name that are nearest to the version, and the steps that lead there."""
        ranked: list[tuple[tuple[int, int], type[Contract], Sequence[Upcaster]]] = []
        newer = False
        for contract in self.accepted:
            identity = contract.__contract__
            if identity.name != name:
                continue
            if numbers[0] > identity.major:
                newer = True
                continue
            steps = way_up(upcasters_of(name), numbers, (identity.major, identity.minor))
            if steps is not None:
                distance = (identity.major - numbers[0], abs(identity.minor - numbers[1]))
                ranked.append((distance, contract, steps))
        if not ranked:
            missing = (
                "a newer major version than this reader knows; deploy the reader first"
                if newer
                else "and no upcaster leads from there"
            )
            raise Misfit("schema", f"written as {name}@{version}, read as {self._accepted_text()}: {missing}")
        nearest = min(distance for distance, _, _ in ranked)
        return [(contract, steps) for distance, contract, steps in ranked if distance == nearest]

    def _accepted_text(self) -> str:
        return ", ".join(dict.fromkeys(contract.__contract__.text for contract in self.accepted))

    def _remember(self, ways: dict[K, _Way], key: K, way: _Way) -> None:
        if len(ways) < _WAYS_MAX:
            ways[key] = way


def _fault(contract: type[Contract], error: Exception) -> Misfit:
    """A validator that raised what no validator should: ValueError and AssertionError are the two that may be."""
    where = f"{contract.__module__}.{contract.__qualname__}"
    return Misfit("constraints", f"a validator of {where} failed: {type(error).__name__}: {cut(str(error), 300)}")


def _must_be_json(value: bytes) -> None:
    """In free JSON, pydantic takes NaN and Infinity for numbers, and writes null for them; no other reader does."""
    if b"NaN" in value or b"Infinity" in value:
        try:
            from_json(value, allow_inf_nan=False)
        except ValueError as error:
            raise Misfit("schema", f"not JSON: {error}") from None


def _avro_value(identity: Identity) -> AvroValue | None:
    """What reads the contract's Avro values; None for a JSON contract whose model is too loose for Avro."""
    try:
        return avro_value(identity)
    except UsageError:
        if identity.encoding == "avro":
            raise
        return None


def _schema_of(record: SchemaRecord) -> AvroValue | None:
    if not record.avro_schema:
        return None
    try:
        return AvroValue(json.loads(record.avro_schema))
    except (ValueError, RecursionError) as error:
        if record.encoding == "json":
            return None
        raise Misfit("schema", f"the Avro schema of {record.name}@{record.version} cannot be used: {error}") from None


def _body(way: _Way, body: bytes) -> bytes:
    if way.body is None:
        raise Misfit("schema", f"the value is Avro, and the schema of {way.writer} is not known")
    try:
        return way.body.read(body)
    except NotAvro as error:
        raise Misfit("schema", f"not an Avro value of {way.writer}: {error}") from None
