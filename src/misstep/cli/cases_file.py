"""Cases out of a file of JSON lines: which lines can be sent, and what is wrong with the others."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from misstep.cli.id_field import fields_like_ids
from misstep.errors import UsageError

BOM = b"\xef\xbb\xbf"
NO_JSON = "is not JSON"


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A line that is a case. `value` is the line as it is, without its line break."""

    number: int
    case_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not sent, and why."""

    number: int
    why: str
    like_ids: tuple[str, ...] = ()
    """When it has no id: its fields that look like one."""


@contextmanager
def open_cases(path: str) -> Iterator[BinaryIO]:
    """The file, or standard input for `-`; what ends in .gz is unpacked. UsageError when it cannot be read."""
    if not path:
        raise UsageError("FILE is empty; name a file of JSON lines, or - for standard input.")
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = cast(BinaryIO, gzip.open(path, "rb") if path.endswith(".gz") else Path(path).open("rb"))  # noqa: SIM115
    except OSError as error:
        raise _unreadable(path, error) from None
    with file:
        try:
            yield file
        except (EOFError, zlib.error) as error:
            raise _unreadable(path, error) from None
        except OSError as error:
            if error.filename or isinstance(error, BrokenPipeError):
                raise  # of another file than this one
            raise _unreadable(path, error) from None


def read_cases(file: BinaryIO, id_field: str) -> Iterator[CaseLine | BadLine]:
    """Every line that is not blank, in order: a case, or what is wrong with it."""
    for number, raw in enumerate(file, start=1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            line = line.removeprefix(BOM)
        if not line.strip():
            continue
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield BadLine(number, f"{NO_JSON} ({_why_no_json(line, error)})")
            continue
        if not isinstance(said, dict):
            yield BadLine(number, f"is JSON but not an object, so it has no {id_field}")
            continue
        case_id = said.get(id_field)
        if isinstance(case_id, int) and not isinstance(case_id, bool):
            case_id = str(case_id)
        if case_id is None:
            yield BadLine(number, f"has no {id_field}", fields_like_ids(said))
        elif not isinstance(case_id, str) or not case_id.strip():
            yield BadLine(number, f"has {orjson.dumps(case_id).decode()[:60]} as its {id_field}, which names no case")
        else:
            yield CaseLine(number, case_id, line)


def _why_no_json(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as at:
        return f"byte 0x{line[at.start]:02x} at position {at.start + 1} is no UTF-8 text"
    return f"{error.msg} at character {error.colno}"


def _unreadable(path: str, error: Exception) -> UsageError:
    why = getattr(error, "strerror", None) or str(error)
    return UsageError(f"{path} cannot be read: {why}.")
