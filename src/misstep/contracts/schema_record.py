"""A contract as a record that travels: what `{ns}.contracts` holds, and where a reader asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from misstep.contracts.avro_shape import as_text
from misstep.contracts.contract import Contract
from misstep.contracts.declared import contracts_declared
from misstep.contracts.identity import Encoding, Identity, parse_version
from misstep.errors import UsageError


@dataclass(frozen=True, slots=True)
class SchemaRecord:
    """One contract, exactly: enough to read its values without its Python class."""

    name: str
    version: str
    """major.minor"""
    sha256: str
    """Of the whole contract, in hex; the record's key in `{ns}.contracts`."""
    fingerprint: bytes
    """CRC-64-AVRO, 8 bytes, little-endian."""
    encoding: Encoding
    avro_schema: str
    """JSON text; empty when the values are JSON and the schema is JSON Schema alone (a foreign registry's)."""
    json_schema: str
    """JSON text."""

    @classmethod
    def of(cls, contract: type[Contract] | Identity) -> SchemaRecord:
        """The record of a declared contract."""
        identity = contract if isinstance(contract, Identity) else contract.__contract__
        return cls(
            name=identity.name,
            version=identity.version,
            sha256=identity.sha256,
            fingerprint=identity.fingerprint,
            encoding=identity.encoding,
            avro_schema=as_text(identity.avro_schema),
            json_schema=as_text(identity.json_schema),
        )

    @property
    def numbers(self) -> tuple[int, int]:
        """(major, minor)"""
        return parse_version(self.version)

    def to_bytes(self) -> bytes:
        """JSON: the value of the record in `{ns}.contracts`."""
        return orjson.dumps(
            {
                "name": self.name,
                "version": self.version,
                "sha256": self.sha256,
                "fingerprint": self.fingerprint.hex(),
                "encoding": self.encoding,
                "avro_schema": self.avro_schema,
                "json_schema": self.json_schema,
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> SchemaRecord:
        """What `to_bytes` wrote. ValueError, saying what is wrong, when it is something else."""
        try:
            said: Any = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"schema record is not JSON: {error}") from None
        texts = ("name", "version", "sha256", "fingerprint", "encoding", "avro_schema", "json_schema")
        if not isinstance(said, dict) or not all(isinstance(said.get(text), str) for text in texts):
            raise ValueError(f"schema record lacks one of {', '.join(texts)}")
        if said["encoding"] not in ("json", "avro"):
            raise ValueError(f"schema record says encoding {said['encoding'][:20]!r}")
        parse_version(said["version"])
        try:
            fingerprint = bytes.fromhex(said["fingerprint"])
        except ValueError:
            raise ValueError("schema record's fingerprint is not hex") from None
        return cls(**{**{text: said[text] for text in texts}, "fingerprint": fingerprint})


class SchemaSource(Protocol):
    """Where a reader finds the schemas of writers. A look-up that finds nothing returns None; none may raise."""

    def by_sha256(self, sha256: str) -> SchemaRecord | None: ...
    def by_fingerprint(self, fingerprint: bytes) -> SchemaRecord | None: ...
    def by_confluent_id(self, schema_id: int) -> SchemaRecord | None: ...


class LocalSchemas:
    """A schema source in memory: the given contracts, or every declared one, and whatever is added."""

    def __init__(self, contracts: Iterable[type[Contract]] | None = None) -> None:
        self._given = None if contracts is None else tuple(contracts)
        self._known: set[type[Contract]] = set()
        self._by_sha256: dict[str, SchemaRecord] = {}
        self._by_fingerprint: dict[bytes, SchemaRecord] = {}
        self._by_confluent_id: dict[int, SchemaRecord] = {}

    def add(self, record: SchemaRecord, *, confluent_id: int | None = None) -> None:
        """Know one more, for example one read from `{ns}.contracts`."""
        self._by_sha256.setdefault(record.sha256, record)
        # Avro's fingerprint does not cover logical types; of two schemas that share one, the first known stays.
        self._by_fingerprint.setdefault(record.fingerprint, record)
        if confluent_id is not None:
            self._by_confluent_id[confluent_id] = record

    def by_sha256(self, sha256: str) -> SchemaRecord | None:
        """The contract with this sha256 in hex."""
        return self._by_sha256.get(sha256) or (self._look_again() and self._by_sha256.get(sha256)) or None

    def by_fingerprint(self, fingerprint: bytes) -> SchemaRecord | None:
        """The contract whose Avro schema has this fingerprint."""
        found = self._by_fingerprint.get(fingerprint)
        return found or (self._look_again() and self._by_fingerprint.get(fingerprint)) or None

    def by_confluent_id(self, schema_id: int) -> SchemaRecord | None:
        """The schema that a Confluent registry knows by this number."""
        return self._by_confluent_id.get(schema_id)

    def _look_again(self) -> bool:
        """Take in what was declared since. True when there was anything."""
        contracts = self._given
        if contracts is None:
            contracts = tuple(contract for versions in contracts_declared().values() for contract in versions)
        new = [contract for contract in contracts if contract not in self._known]
        for contract in new:
            self._known.add(contract)
            # A declaration that cannot be said has been refused, or will be, where it is used.
            with suppress(UsageError):
                self.add(SchemaRecord.of(contract))
        return bool(new)
