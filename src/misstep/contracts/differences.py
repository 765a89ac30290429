"""What changed between two JSON Schemas of one contract, field by field, and whether old values still fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, from the old schema to the new one."""

    field: str
    """With dots; `[]` stands for the items of a list, `{}` for the values of a mapping."""
    rule: str
    message: str
    breaks: bool
    """A value that fitted the old schema may not fit the new one."""


_AT_LEAST: Final = {"minLength": "shortest length", "minItems": "fewest items", "minProperties": "fewest keys"}
_AT_MOST: Final = {
    "maxLength": "greatest length",
    "maxItems": "most items",
    "maxProperties": "most keys",
    "maxDigits": "most digits",
}
_ALL_TYPES: Final = frozenset(("null", "boolean", "integer", "number", "string", "array", "object"))


def differences(old: Schema, new: Schema) -> list[Difference]:
    """Every change that matters to values; titles and descriptions do not."""
    return list(_Pair(old.get("$defs", {}), new.get("$defs", {})).compare(old, new, ""))


class _Pair:
    """Two schemas with their definitions."""

    def __init__(self, old_definitions: Schema, new_definitions: Schema) -> None:
        self._definitions = (old_definitions, new_definitions)
        self._seen: set[tuple[str, str, str]] = set()

    def compare(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        references = (str(old.get("$ref")), str(new.get("$ref")), "")
        if "$ref" in old and "$ref" in new:
            if references in self._seen:
                return
            self._seen.add(references)
        before, after = self._branches(old, 0), self._branches(new, 1)
        if "default" in old and "default" in new and old["default"] != new["default"]:
            yield Difference(field, "default_changed", f"its default was {old['default']!r}", False)
        if len(before) == 1 and len(after) == 1:
            yield from self._single(before[0], after[0], field)
            return
        for branch in before:
            yield from self._branch(branch, after, field)
        for branch in after:
            if all(_kind(branch) != _kind(other) for other in before):
                yield Difference(field, "type_added", f"it may now be {_kind(branch)} too", False)

    def _branch(self, branch: Schema, after: list[Schema], field: str) -> Iterator[Difference]:
        alike = [other for other in after if _kind(other) == _kind(branch)]
        alike += [other for other in after if not _types(branch) - _types(other) and other not in alike]
        if not alike:
            yield Difference(field, "type_removed", f"it may no longer be {_kind(branch)}", True)
            return
        found = [list(self._single(branch, other, field)) for other in alike]
        # The branch that takes most of the old values speaks for all.
        yield from min(found, key=lambda changes: sum(change.breaks for change in changes))

    def _branches(self, schema: Schema, side: int) -> list[Schema]:
        """The schema's alternatives, references followed."""
        if "$ref" in schema:
            return self._branches(self._definitions[side].get(schema["$ref"].rsplit("/", 1)[-1], {}), side)
        several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if several and (len(several) == 1 or "allOf" not in schema):
            return [inner for branch in several for inner in self._branches(branch, side)]
        return [schema]

    def _single(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        if _types(old) - _types(new):
            yield Difference(field, "type_changed", f"it was {_kind(old)} and is now {_kind(new)}", True)
            return
        if _types(new) - _types(old):
            yield Difference(field, "type_widened", f"it was {_kind(old)} and is now {_kind(new)}", False)
        yield from _values(old, new, field)
        yield from _bounds(old, new, field)
        yield from _text_rules(old, new, field)
        yield from self._fields(old, new, field)
        yield from self._items(old, new, field)

    def _fields(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in after.items():
            place = f"{field}.{name}" if field else name
            if name not in before:
                if name in needed_after:
                    yield Difference(place, "required_field_added", "it is new and has no default", True)
                else:
                    yield Difference(place, "field_added", "it is new", False)
                continue
            if name in needed_after and name not in needed_before:
                yield Difference(place, "became_required", "it had a default and has none now", True)
            elif name in needed_before and name not in needed_after:
                yield Difference(place, "became_optional", "it has a default now", False)
            yield from self.compare(before[name], schema, place)
        for name in before:
            if name not in after:
                yield Difference(f"{field}.{name}" if field else name, "field_removed", "it is gone", False)
        extra_before, extra_after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(extra_before, dict) and isinstance(extra_after, dict):
            yield from self.compare(extra_before, extra_after, f"{field}{{}}")
        elif extra_before is not False and extra_after is False:
            yield Difference(field, "extra_fields_forbidden", "it no longer takes fields that it does not name", True)
        elif isinstance(extra_after, dict) and extra_after and extra_before is True and "properties" not in new:
            yield Difference(f"{field}{{}}", "type_changed", f"it was anything and is now {_kind(extra_after)}", True)

    def _items(self, old: Schema, new: Schema, field: str) -> Iterator[Difference]:
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        for at, (was, now) in enumerate(zip(before, after, strict=False)):
            yield from self.compare(was, now, f"{field}[{at}]")
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from self.compare(old["items"], new["items"], f"{field}[]")
        elif bool(before) != bool(after) and "array" in _types(old) & _types(new):
            yield Difference(field, "type_changed", "a list became a tuple, or the other way round", bool(after))
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Difference(field, "became_unique", "its items must now differ from each other", True)


def _values(old: Schema, new: Schema, field: str) -> Iterator[Difference]:
    before, after = _allowed(old), _allowed(new)
    if after is None:
        if before is not None:
            yield Difference(field, "values_freed", "it may now have any value", False)
        return
    if before is None:
        yield Difference(field, "values_limited", f"it may now only be one of {_shown(after)}", True)
        return
    gone = [value for value in before if value not in after]
    if gone:
        yield Difference(field, "enum_value_removed", f"it may no longer be {_shown(gone)}", True)
    come = [value for value in after if value not in before]
    if come:
        yield Difference(field, "enum_value_added", f"it may now be {_shown(come)}", False)


def _bounds(old: Schema, new: Schema, field: str) -> Iterator[Difference]:
    for sign, word, bounds in (
        (1, "minimum", ("minimum", "exclusiveMinimum")),
        (-1, "maximum", ("maximum", "exclusiveMaximum")),
    ):
        was, now = _tightest(old, bounds, sign), _tightest(new, bounds, sign)
        if was == now:
            continue
        tighter = now is not None and (was is None or now > was)
        told = f"its {word} was {_bound(was, sign)} and is now {_bound(now, sign)}"
        verb = ("raised" if tighter else "lowered") if sign == 1 else ("lowered" if tighter else "raised")
        yield Difference(field, f"{word}_{verb}", told, tighter)
    was, now = old.get("multipleOf"), new.get("multipleOf")
    if was != now:
        fits = now is None or (was is not None and Decimal(str(was)) % Decimal(str(now)) == 0)
        yield Difference(field, "multiple_changed", f"it was a multiple of {was} and is now one of {now}", not fits)
    for keywords, sign in ((_AT_LEAST, 1), (_AT_MOST, -1)):
        for keyword, meaning in keywords.items():
            was, now = old.get(keyword), new.get(keyword)
            if was != now:
                tighter = now is not None and (was is None or (now - was) * sign > 0)
                rule = f"{keyword}_{'tightened' if tighter else 'loosened'}"
                yield Difference(field, rule, f"its {meaning} was {was} and is now {now}", tighter)
    was, now = old.get("decimalPlaces"), new.get("decimalPlaces")
    if was != now:
        # A scale is no part of Avro's fingerprint: were it changed, old bytes would read as other amounts.
        scaled = None not in (was, now, old.get("maxDigits"), new.get("maxDigits"))
        tighter = now is not None and (was is None or now < was)
        yield Difference(
            field, "decimal_places_changed", f"it had {was} decimal places and has {now} now", scaled or tighter
        )


def _text_rules(old: Schema, new: Schema, field: str) -> Iterator[Difference]:
    for keyword in ("pattern", "format", "contentEncoding"):
        was, now = old.get(keyword), new.get(keyword)
        if was != now:
            yield Difference(
                field, f"{keyword}_changed", f"its {keyword} was {was!r} and is now {now!r}", now is not None
            )


def _types(schema: Schema) -> frozenset[str]:
    """The JSON types that a value may have; a number may be an integer, too."""
    said = schema.get("type")
    if said is None:
        allowed = _allowed(schema)
        if allowed is None:
            return frozenset(("object",)) if "properties" in schema else _ALL_TYPES
        names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
        types = {names.get(type(value), "object") for value in allowed}
    else:
        types = set(said) if isinstance(said, list) else {said}
    return frozenset(types | {"integer"} if "number" in types else types)


def _kind(schema: Schema) -> str:
    """A branch in a word, to tell branches apart and to people."""
    title = schema.get("title")
    if "properties" in schema and title:
        return str(title)
    types = _types(schema)
    if types == _ALL_TYPES:
        return "anything"
    said = "/".join(sorted(types - {"integer"} if "number" in types else types))
    return f"{said} ({schema['format']})" if "format" in schema else said


def _allowed(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    enum: list[Any] | None = schema.get("enum")
    return enum


def _tightest(schema: Schema, bounds: tuple[str, str], sign: int) -> tuple[Decimal, bool] | None:
    """The bound that counts, so signed that a greater one is tighter; true: the bound itself is excluded."""
    found = [
        (sign * Decimal(str(schema[keyword])), keyword.startswith("exclusive"))
        for keyword in bounds
        if isinstance(schema.get(keyword), int | float)
    ]
    return max(found, default=None)


def _bound(bound: tuple[Decimal, bool] | None, sign: int) -> str:
    if bound is None:
        return "none"
    return f"{sign * bound[0]:f}{' (excluded)' if bound[1] else ''}"


def _shown(values: list[Any]) -> str:
    text = ", ".join(map(repr, values[:10]))
    return text if len(values) <= 10 else f"{text} and {len(values) - 10} more"
