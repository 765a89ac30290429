"""The line of a server's log that says why it died."""

import re
from pathlib import Path

MAX_LOG_BYTES = 10_000_000
_TAIL_BYTES = 200_000

# Most telling first: the innermost cause, the exception, the error.
_TELLING = (
    re.compile(r"^Caused by: (?P<line>.+)$"),
    re.compile(r"^(?:Exception in thread \S+ )?(?P<line>[\w.$]+(?:Exception|Error)(?::.*)?)$"),
    re.compile(r"^(?:\S+ )*?(?P<line>(?:FATAL|PANIC|ERROR|Error)\b.*)$"),
)

# What Java writes around the line that counts.
_HEADINGS = ("Error occurred during init", "Error: Could not create the Java", "Error: A fatal exception has occ")


def telling_line(log: Path, since_byte: int = 0) -> str:
    """The last meaningful line after `since_byte` (a cause, else an exception, an error, any), of 300 characters."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(since_byte, end - _TAIL_BYTES))
            written = file.read().decode(errors="replace").splitlines()
    except OSError:
        written = []
    lines = [line.rstrip() for line in written if line.strip() and not line.startswith(_HEADINGS)]
    for pattern in _TELLING:
        for line in reversed(lines):
            if found := pattern.match(line):
                return found["line"].strip()[:300]
    frames = ("\tat ", "\t... ")
    return next((line[:300] for line in reversed(lines) if not line.startswith(frames)), "it wrote nothing")


def size(log: Path) -> int:
    """Its length in bytes; 0 when it is not there."""
    return log.stat().st_size if log.exists() else 0


def set_aside_if_large(log: Path) -> None:
    """Start a new log when this one is over 10 MB; one old one is kept beside it. Called before the server starts."""
    if size(log) > MAX_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
