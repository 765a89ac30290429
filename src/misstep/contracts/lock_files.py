"""The locked files of a contract: `{name}@{version}.avsc` and `.json`, pretty and the same every time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from misstep.contracts.avro_shape import as_text, fingerprint
from misstep.contracts.identity import Encoding, Identity, parse_version, whole_sha256
from misstep.contracts.schema_record import SchemaRecord

AVRO_SUFFIX = ".avsc"
JSON_SUFFIX = ".json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENCODING = "x-encoding"


@dataclass(frozen=True, slots=True)
class Locked:
    """One locked version, as its two files say it."""

    name: str
    version: str
    encoding: Encoding
    sha256: str
    """As the file says."""
    avro_schema: dict[str, Any]
    json_schema: dict[str, Any]

    @property
    def text(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def numbers(self) -> tuple[int, int]:
        """(major, minor)"""
        return parse_version(self.version)

    @property
    def record(self) -> SchemaRecord:
        """What `{ns}.contracts` holds of it: values of a version whose class is gone are read with this."""
        return SchemaRecord(
            name=self.name,
            version=self.version,
            sha256=self.sha256,
            fingerprint=fingerprint(self.avro_schema),
            encoding=self.encoding,
            avro_schema=as_text(self.avro_schema),
            json_schema=as_text(self.json_schema),
        )


def contents(identity: Identity) -> dict[str, bytes]:
    """The two files of a declared contract, by file name."""
    said = {"$schema": DIALECT, "$id": identity.urn, ENCODING: identity.encoding, **identity.json_schema}
    return {
        f"{identity.text}{AVRO_SUFFIX}": _pretty(identity.avro_schema),
        f"{identity.text}{JSON_SUFFIX}": _pretty(said),
    }


def versions_in(directory: Path) -> list[str]:
    """`name@version` of everything locked in a directory, sorted; none when it does not exist."""
    if not directory.is_dir():
        return []
    return sorted(
        {path.stem for path in directory.iterdir() if path.suffix in (AVRO_SUFFIX, JSON_SUFFIX) and "@" in path.stem}
    )


def read(directory: Path, text: str) -> Locked:
    """The locked version `name@version`. ValueError, naming the file, when it is not what was locked."""
    name, _, version = text.partition("@")
    try:
        parse_version(version)
    except ValueError:
        raise ValueError(f"{text}{JSON_SUFFIX} is not named name@major.minor") from None
    avro_schema = _json(directory / f"{text}{AVRO_SUFFIX}")
    said = _json(directory / f"{text}{JSON_SUFFIX}")
    urn, encoding = said.pop("$id", ""), said.pop(ENCODING, "")
    said.pop("$schema", None)
    if (
        not isinstance(urn, str)
        or not urn.startswith(f"urn:misstep:{name}:{version}:")
        or encoding not in ("json", "avro")
    ):
        raise ValueError(f"{text}{JSON_SUFFIX} does not say which contract it is ($id, {ENCODING})")
    sha256 = urn.rsplit(":", 1)[-1]
    locked = Locked(name, version, encoding, sha256, avro_schema, said)
    if whole_sha256(name, version, encoding, avro_schema, said) != sha256:
        raise ValueError(f"{text} was edited after it was locked: its contents are not those of {sha256[:12]}…")
    try:
        fingerprint(avro_schema)
    except Exception as error:  # noqa: BLE001  fastavro's refusals have no common base
        raise ValueError(f"{text}{AVRO_SUFFIX} is no Avro schema: {error}") from None
    return locked


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path.name} is missing") from None
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError included
        raise ValueError(f"{path.name} is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return said


def _pretty(schema: dict[str, Any]) -> bytes:
    return (json.dumps(schema, ensure_ascii=False, indent=2) + "\n").encode()
