"""Locks: a version, once locked, never changes, and a minor version reads what its predecessors wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from misstep.contracts import lock_files
from misstep.contracts.compatible import incompatibilities
from misstep.contracts.contract import Contract
from misstep.contracts.differences import Difference, differences
from misstep.contracts.identity import Identity
from misstep.contracts.lock_files import Locked
from misstep.contracts.schema_record import SchemaRecord
from misstep.contracts.upcast import upcasters_of, way_up
from misstep.errors import UsageError

_NO_DEFAULT: Final = "reader_field_missing_default_value"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong with the locks."""

    contract: str
    """`name@version`"""
    field: str
    """With dots; empty: the contract as a whole."""
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.contract}{f', {self.field}' if self.field else ''}: {self.message} ({self.rule})"


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of a contract, declared or locked."""

    name: str
    version: str
    numbers: tuple[int, int]
    avro_schema: dict[str, Any]
    json_schema: dict[str, Any]
    declared: bool

    @property
    def text(self) -> str:
        return f"{self.name}@{self.version}"


def lock(contracts: Iterable[type[Contract]], directory: Path) -> list[Path]:
    """Write the schemas of every contract that is not locked yet, and return the files written.

    A locked version whose titles or descriptions changed is written anew. Raises UsageError, before it writes
    anything, for one that changed in any other way, and for one that is locked in a file that cannot be read.
    """
    files: dict[str, bytes] = {}
    for identity in _identities(contracts):
        if identity.text in lock_files.versions_in(directory):
            changed = _changed(identity, directory)
            if changed:
                raise UsageError(f"{changed[0]}; give the contract a new version instead.")
        files |= lock_files.contents(identity)
    written = []
    for name, content in sorted(files.items()):
        path = directory / name
        if not path.exists() or path.read_bytes() != content:
            lock_files.write(path, content)
            written.append(path)
    return written


def locked_records(directory: Path) -> list[SchemaRecord]:
    """Every readable locked version as a record for `{ns}.contracts`, those whose class is gone included."""
    records = []
    for text in lock_files.versions_in(directory):
        try:
            records.append(lock_files.read(directory, text).record)
        except ValueError:
            continue  # `check` says so
    return records


def check(contracts: Iterable[type[Contract]], directory: Path) -> list[Finding]:
    """Everything that is wrong with the contracts and their locks, sorted; never raises.

    Rules: `not_locked`, `not_readable`, `cannot_be_said`, `declared_twice`, `upcaster_missing`; for a locked version
    that changed and for a minor version that cannot read its predecessor, the rule that its field breaks.
    """
    found: set[Finding] = set()
    versions: dict[tuple[str, tuple[int, int]], _Version] = {}
    for text in lock_files.versions_in(directory):
        try:
            locked = lock_files.read(directory, text)
        except ValueError as error:
            found.add(Finding(text, "", "not_readable", str(error)))
        else:
            versions[locked.name, locked.numbers] = _of_locked(locked)
    unreadable = {finding.contract for finding in found}
    declared: dict[str, Identity] = {}
    for identity in _identities(contracts):
        try:
            version = _of_declared(identity)
        except UsageError as error:
            found.add(Finding(identity.text, "", "cannot_be_said", str(error)))
            continue
        other = declared.setdefault(identity.text, identity)
        if other.sha256 != identity.sha256:
            places = f"{_place(other)} and {_place(identity)}"
            found.add(Finding(identity.text, "", "declared_twice", f"{places} differ and have the same version"))
            continue
        if (identity.name, version.numbers) in versions:
            found.update(_changed(identity, directory))
        elif identity.text not in unreadable:
            found.add(Finding(identity.text, "", "not_locked", "it is not locked; run `misstep contracts lock`"))
        versions[identity.name, version.numbers] = version
    ordered = [versions[key] for key in sorted(versions)]
    for earlier, later in pairwise(ordered):
        if later.declared and (earlier.name, earlier.numbers[0]) == (later.name, later.numbers[0]):
            found.update(_not_compatible(earlier, later))
    found.update(_missing_upcasters(ordered))
    return sorted(found)


def _identities(contracts: Iterable[type[Contract]]) -> list[Identity]:
    return sorted(
        dict.fromkeys(contract.__contract__ for contract in contracts),
        key=lambda identity: (identity.name, identity.major, identity.minor),
    )


def _changed(identity: Identity, directory: Path) -> list[Finding]:
    """What makes a declared contract another one than was locked under its version."""
    try:
        locked = lock_files.read(directory, identity.text)
    except ValueError as error:
        return [Finding(identity.text, "", "not_readable", str(error))]
    if locked.sha256 == identity.sha256:
        return []
    found = [
        Finding(identity.text, change.field, change.rule, f"the version is locked and has changed: {change.message}")
        for change in differences(locked.json_schema, identity.json_schema)
    ]
    if locked.encoding != identity.encoding:
        told = f"the version is locked and has changed: it was {locked.encoding} and is {identity.encoding}"
        found.append(Finding(identity.text, "", "encoding_changed", told))
    if not found:
        told = "the version is locked and has changed in its schemas; compare the locked files"
        found.append(Finding(identity.text, "", "changed", told))
    return found


def _not_compatible(earlier: _Version, later: _Version) -> Iterator[Finding]:
    """What keeps a minor version from reading its predecessor's values."""
    changes = differences(earlier.json_schema, later.json_schema)
    broken = {change.field for change in changes if change.breaks}
    given = {change.field for change in changes if change.rule == "field_added"}
    for change in changes:
        if change.breaks:
            yield _breaking(earlier, later, change)
    try:
        by_avro = incompatibilities(later.avro_schema, earlier.avro_schema)
    except ValueError as error:
        yield Finding(later.text, "", "not_readable", str(error))
        return
    for field, rule, message in by_avro:
        # A default that differs each time (a new id) cannot be said in Avro, and pydantic gives it all the same.
        if field in broken or (rule == _NO_DEFAULT and field in given):
            continue
        yield _breaking(earlier, later, Difference(field, rule, message, True))


def _breaking(earlier: _Version, later: _Version, change: Difference) -> Finding:
    told = (
        f"it cannot read every {earlier.version}: {change.message}; make it {later.numbers[0] + 1}.0 with an upcaster"
    )
    return Finding(later.text, change.field, change.rule, told)


def _missing_upcasters(versions: list[_Version]) -> Iterator[Finding]:
    for later in versions:
        if not later.declared:
            continue
        steps = upcasters_of(later.name)
        latest: dict[int, _Version] = {}
        for earlier in versions:
            if earlier.name == later.name and earlier.numbers[0] < later.numbers[0]:
                latest[earlier.numbers[0]] = earlier
        for earlier in latest.values():
            if way_up(steps, earlier.numbers, later.numbers) is None:
                told = f"no upcaster leads from {earlier.version} to {later.version}"
                yield Finding(later.text, "", "upcaster_missing", told)


def _of_locked(locked: Locked) -> _Version:
    return _Version(locked.name, locked.version, locked.numbers, locked.avro_schema, locked.json_schema, declared=False)


def _of_declared(identity: Identity) -> _Version:
    return _Version(
        identity.name,
        identity.version,
        (identity.major, identity.minor),
        identity.avro_schema,
        identity.json_schema,
        declared=True,
    )


def _place(identity: Identity) -> str:
    return f"{identity.model.__module__}.{identity.model.__qualname__}"
