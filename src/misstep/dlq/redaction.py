"""Fields that listings show masked, and only masked: `lines[].text`, `customer.iban`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from misstep.errors import UsageError

MASK: Final = "•••"
EACH: Final = "[]"

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|(?<=, not )(?:-?\d[\d.,eE+-]*|null|true|false)")
"""Quoted texts, and the values that a misfit says a field has (`..., not -5`)."""
_PATH = re.compile(r"[^.\[\]\s]+(\[\])*(\.[^.\[\]\s]+(\[\])*)*")


@dataclass(frozen=True)
class Redaction:
    """The fields of one workflow's payloads that are not shown."""

    paths: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, fields: Iterable[str], *, what: str) -> Redaction:
        """Read `customer.iban` (a field of a field) and `lines[].text` (a field of each). UsageError, naming `what`."""
        if isinstance(fields, str):
            raise UsageError(f"{what} is one text; write a list of fields: [{fields!r}].")
        paths = []
        for field in fields:
            if not isinstance(field, str) or not _PATH.fullmatch(field):
                raise UsageError(
                    f"{what}: {field!r} names no field; write it like 'customer.iban', or 'lines[].text' for a field "
                    "of each."
                )
            paths.append(tuple(part for name in field.split(".") for part in name.replace(EACH, f".{EACH}").split(".")))
        return cls(tuple(paths))

    def masked(self, payload: Any) -> Any:
        """The payload with every such field masked; what is not there stays not there."""
        for path in self.paths:
            payload = _changed(payload, path, lambda value: MASK)
        return payload

    def masked_words(self, said: str) -> str:
        """A failure's detail, which may quote the payload: where anything is redacted, what it quotes is masked."""
        return _QUOTED.sub(MASK, said) if self.paths else said

    def masked_mentions(self, said: Any, payload: Any) -> Any:
        """What was said about a payload (evidence, suggestions): where it repeats what is redacted in it, masked too.

        Values of fewer than three characters are left: they would be found everywhere.
        """
        hidden = sorted({one for path in self.paths for one in _found(payload, path) if len(one) > 2}, key=len)[::-1]
        return _without(said, hidden) if hidden else said

    def restored(self, payload: Any, original: Any) -> Any:
        """A payload that a person wrote from a masked one: where the mask still stands, the original is put back."""
        for path in self.paths:
            payload = _put_back(payload, original, path)
        return payload


def _found(value: Any, path: Sequence[str]) -> list[str]:
    """The texts and numbers that stand at a path, or anywhere below it."""
    if not path:
        if isinstance(value, dict):
            return [one for part in value.values() for one in _found(part, path)]
        if isinstance(value, list):
            return [one for part in value for one in _found(part, path)]
        return [str(value)] if isinstance(value, str | int | float) and not isinstance(value, bool) else []
    first, rest = path[0], path[1:]
    if first == EACH:
        return [one for part in value for one in _found(part, rest)] if isinstance(value, list) else []
    return _found(value[first], rest) if isinstance(value, dict) and first in value else []


def _without(said: Any, hidden: Sequence[str]) -> Any:
    if isinstance(said, dict):
        return {name: _without(part, hidden) for name, part in said.items()}
    if isinstance(said, list):
        return [_without(part, hidden) for part in said]
    if isinstance(said, str):
        for one in hidden:
            said = said.replace(one, MASK)
        return said
    return MASK if str(said) in hidden else said


def _changed(value: Any, path: Sequence[str], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    first, rest = path[0], path[1:]
    if first == EACH:
        return [_changed(one, rest, change) for one in value] if isinstance(value, list) else value
    if isinstance(value, dict) and first in value:
        return {**value, first: _changed(value[first], rest, change)}
    return value


def _put_back(value: Any, original: Any, path: Sequence[str]) -> Any:
    if not path:
        return original if value == MASK else value
    first, rest = path[0], path[1:]
    if first == EACH:
        if not isinstance(value, list) or not isinstance(original, list):
            return value
        pairs = zip_longest(value, original[: len(value)])
        return [_put_back(one, other, rest) for one, other in pairs]
    if isinstance(value, dict) and isinstance(original, dict) and first in value and first in original:
        return {**value, first: _put_back(value[first], original[first], rest)}
    return value
