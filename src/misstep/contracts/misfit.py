"""A misfit: a value that cannot be read as its contract, told by which check it failed and field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

Check = Literal["schema", "version", "constraints"]

FIELDS_MAX: Final = 20
FIELD_TEXT_MAX_CHARS: Final = 200
FIELD_NAME_MAX_CHARS: Final = 80
DETAIL_FIELDS: Final = 5
DETAIL_MAX_CHARS: Final = 1_000
SHOWN_VALUE_MAX_CHARS: Final = 60
ERRORS_MAX: Final = 10_000
"""Beyond this many, pydantic's errors are counted and not expanded: expanding a million takes two seconds."""

_CONSTRAINTS: Final = frozenset(
    (
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "multiple_of",
        "string_too_short",
        "string_too_long",
        "string_pattern_mismatch",
        "string_not_ascii",
        "bytes_too_short",
        "bytes_too_long",
        "too_short",
        "too_long",
        "literal_error",
        "enum",
        "value_error",
        "assertion_error",
        "date_past",
        "date_future",
        "datetime_past",
        "datetime_future",
        "timezone_naive",
        "timezone_aware",
        "timezone_offset",
        "decimal_max_digits",
        "decimal_max_places",
        "decimal_whole_digits",
        "url_too_long",
        "url_scheme",
        "uuid_version",
    )
)
_SCHEMA: Final = frozenset(get_args(ErrorType)) - _CONSTRAINTS
"""pydantic's own errors of shape and type. A name that is in neither set is a validator's of the contract itself."""


class Misfit(Exception):
    """Why a value does not fit its contract.

    check: which of the three checks it failed. detail: for the person who reads it at night. fields: what is wrong
    with each, at most 20 of them, every text cut visibly.
    """

    def __init__(self, check: Check, detail: str, fields: dict[str, JsonValue] | None = None) -> None:
        super().__init__(check, detail)
        self.check: Check = check
        self.detail = cut(detail, DETAIL_MAX_CHARS)
        self.fields: dict[str, JsonValue] = fields or {}

    def __str__(self) -> str:
        return f"{self.check}: {self.detail}"


def cut(text: str, max_chars: int) -> str:
    """Text that is at most `max_chars` long and a note of what was cut, and that any encoder can write."""
    left_out = len(text) - max_chars
    if left_out > 0:
        text = f"{text[:max_chars]}… ({left_out:,} characters cut)"
    return text.encode("utf-8", "backslashreplace").decode()


def breaks_the_schema(error: ValidationError) -> bool:
    """Is anything of the wrong shape or type? If not, constraints alone are broken."""
    if error.error_count() > ERRORS_MAX:
        return True
    return any(line["type"] in _SCHEMA for line in _lines(error, with_input=False))


def misfit_of(error: ValidationError, check: Check) -> Misfit:
    """What pydantic found, in the words of a misfit."""
    count = error.error_count()
    if count > ERRORS_MAX:
        return Misfit(check, f"{count:,} parts of the value do not fit; too many to name them")
    lines = _lines(error, with_input=True)
    if len(lines) == 1 and lines[0]["type"] == "json_invalid":
        return Misfit(check, f"not JSON: {lines[0]['msg'].removeprefix('Invalid JSON: ')}")
    texts: dict[str, str] = {}
    for line in lines:
        texts.setdefault(_place(line["loc"]), _text(line))
    fields: dict[str, JsonValue] = dict(list(texts.items())[:FIELDS_MAX])
    told = [f"{place}: {_begin_small(text)}" for place, text in list(texts.items())[:DETAIL_FIELDS]]
    if len(texts) > DETAIL_FIELDS:
        told.append(f"and {len(texts) - DETAIL_FIELDS:,} more")
    return Misfit(check, "; ".join(told), fields)


def _lines(error: ValidationError, *, with_input: bool) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_context=False, include_input=with_input)


def _place(loc: Sequence[str | int]) -> str:
    return cut(".".join(map(str, loc)), FIELD_NAME_MAX_CHARS) if loc else "value"


def _text(line: ErrorDetails) -> str:
    text = cut(line["msg"], FIELD_TEXT_MAX_CHARS)
    given = line["input"]
    if line["type"] != "missing" and (given is None or isinstance(given, str | int | float)):
        shown = repr(given[: SHOWN_VALUE_MAX_CHARS + 1]) if isinstance(given, str) else _number(given)
        text += f", not {cut(shown, SHOWN_VALUE_MAX_CHARS)}"
    return text


def _number(given: float | None) -> str:
    if given is None or isinstance(given, bool):
        return {None: "null", True: "true", False: "false"}[given]
    if isinstance(given, int) and given.bit_length() > 1_000:
        # Python refuses to write an int of more than 4,300 digits.
        return f"a number of {given.bit_length():,} bits"
    return repr(given)


def _begin_small(text: str) -> str:
    return text[:1].lower() + text[1:]
