"""The contracts that a namespace has already: what may not be changed under its version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from misstep.bus.table import Table
from misstep.bus.topics import contracts_topic
from misstep.contracts import SchemaRecord
from misstep.errors import UsageError


def contracts_there(bootstrap: str, namespace: str) -> dict[str, SchemaRecord]:
    """By sha256, the contracts in `{ns}.contracts`; none when the topic is not there."""
    table = Table(bootstrap, contracts_topic(namespace), "misstep-apply")
    try:
        table.refresh()
        found = {}
        for raw in table.rows.values():
            try:
                record = SchemaRecord.from_bytes(raw)
            except ValueError:
                continue  # someone else's record; readers skip it with a warning
            found[record.sha256] = record
        return found
    finally:
        table.close()


def refuse_changed(namespace: str, records: Iterable[SchemaRecord], there: Mapping[str, SchemaRecord]) -> None:
    """Raises UsageError when a name@version that is there has another content."""
    by_name = {(record.name, record.version): record for record in there.values()}
    for record in records:
        other = by_name.get((record.name, record.version))
        if other is not None and other.sha256 != record.sha256:
            major, minor = record.numbers
            raise UsageError(
                f"Contract {record.name}@{record.version} is in {contracts_topic(namespace)} with another content "
                f"({other.sha256[:12]} there, {record.sha256[:12]} here): a contract never changes under its version, "
                f"so give the changed one a new version, such as {major}.{minor + 1}."
            )
