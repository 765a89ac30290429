"""JSON that Postgres takes, out of JSON that it may not.

jsonb refuses a few things that travel well as text: \\u0000, lone surrogates, NaN, numbers beyond numeric, raw control
characters in strings, and nesting deeper than the server's stack. They are rewritten visibly, token by token, so that
everything else stays as it was written; nothing is parsed into Python's numbers and lost there.
"""

from __future__ import annotations

import json
import re
from typing import Final

MAX_DEPTH: Final = 400
MAX_EXPONENT: Final = 10_000
MAX_DIGITS: Final = 100_000

_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*)"
    r"|(?P<odd>-?(?:NaN|Infinity|nan|inf))"
    r"|(?P<open>[\[{])|(?P<close>[\]}])",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE]([+-]?\d+))?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


def jsonb_text(raw: bytes) -> tuple[bytes, list[str]] | None:
    """`raw` as JSON text that jsonb accepts, with what had to be rewritten; None if it is not JSON at all."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = text.removeprefix("\ufeff")
    changes: dict[str, None] = {}
    depth = deepest = 0
    out: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        out.append(text[at : match.start()])
        at = match.end()
        token = match.group()
        if match["string"]:
            token = _string(token, changes)
        elif match["number"]:
            token = _number(token, changes)
        elif match["odd"]:
            changes[f"{token} written as text"] = None
            token = f'"{token}"'
        elif match["open"]:
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
        out.append(token)
    out.append(text[at:])
    if deepest > MAX_DEPTH:
        return None
    accepted = "".join(out)
    try:
        json.loads(accepted, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return accepted.encode("utf-8"), list(changes)


def _string(token: str, changes: dict[str, None]) -> str:
    if "\\u" in token:
        token = _surrogates(token, changes)
    if _CONTROL.search(token):
        changes["raw control characters escaped"] = None
        token = _CONTROL.sub(
            lambda found: "\\\\u0000" if found.group() == "\0" else f"\\u{ord(found.group()):04x}", token
        )
    return token


def _surrogates(token: str, changes: dict[str, None]) -> str:
    """Escapes of NUL and of halves of a pair become the text of the escape: \\ud800 is written as \\\\ud800."""
    out: list[str] = []
    at = 0
    escapes = list(_ESCAPE.finditer(token))
    paired = -1
    for index, match in enumerate(escapes):
        out.append(token[at : match.start()])
        at = match.end()
        code = int(match[1], 16) if match[1] else -1
        shown = match.group()
        if code == 0:
            changes["\\u0000 written as text"] = None
            shown = "\\" + shown
        elif 0xD800 <= code <= 0xDBFF:
            follower = escapes[index + 1] if index + 1 < len(escapes) else None
            if (
                follower
                and follower.start() == match.end()
                and follower[1]
                and 0xDC00 <= int(follower[1], 16) <= 0xDFFF
            ):
                paired = index + 1
            else:
                changes["half of a surrogate pair written as text"] = None
                shown = "\\" + shown
        elif 0xDC00 <= code <= 0xDFFF and index != paired:
            changes["half of a surrogate pair written as text"] = None
            shown = "\\" + shown
        out.append(shown)
    out.append(token[at:])
    return "".join(out)


def _number(token: str, changes: dict[str, None]) -> str:
    match = _NUMBER.fullmatch(token)
    if match is None:
        return token
    exponent = match[1]
    if len(token) > MAX_DIGITS or (exponent and (len(exponent) > 7 or abs(int(exponent)) > MAX_EXPONENT)):
        changes["a number beyond Postgres's range written as text"] = None
        return f'"{token[:1000]}"' if len(token) <= 1000 else f'"{token[:1000]}… ({len(token)} digits)"'
    return token
