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

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|(?<=, not )[^;]+")
"""Quoted texts, and what a misfit says that a field is (`..., not -5`)."""
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

    def restored(self, payload: Any, original: Any) -> Any:
        """A payload that a person wrote from a masked one: where the mask still stands, the original is put back."""
        for path in self.paths:
            payload = _put_back(payload, original, path)
        return payload


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
