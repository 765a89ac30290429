"""Logs: one line a thing; for people on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from contextvars import ContextVar
from typing import NamedTuple, Protocol, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger


class Subject(Protocol):
    """Whose turn it is: what every line says that is logged meanwhile, the agent's own lines included."""

    @property
    def workflow(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def case_id(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def version(self) -> int: ...


class Undone(NamedTuple):
    """The subject while a step is undone."""

    workflow: str
    agent: str
    case_id: str
    epoch: int
    version: int


class Seat:
    """Where the subject of the moment is put: a field, because setting a context variable twice a turn costs 300 ns."""

    __slots__ = ("subject",)

    def __init__(self, subject: Subject | None = None) -> None:
        self.subject = subject


SEAT: ContextVar[Seat] = ContextVar("misstep_seat")
"""One for each thread that runs turns one after the other, and one for each task."""


def seat_here() -> Seat:
    """The seat of this thread or task; put there if there is none."""
    seat = SEAT.get(None)
    if seat is None:
        seat = Seat()
        SEAT.set(seat)
    return seat


_FIELDS = ("workflow", "agent", "case_id", "epoch", "version")


def say_whose_turn_it_is(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """A processor: adds case, agent and version to a line of a turn; what the line says itself stays."""
    seat = SEAT.get(None)
    subject = seat.subject if seat is not None else None
    if subject is not None:
        for name in _FIELDS:
            if name not in line:
                line[name] = getattr(subject, name)
    return line


class Forwarded(logging.Handler):
    """Passes what a library says to its own logger on to structlog, one event a line."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, "library", library=record.name, said=record.getMessage())


def forward(*names: str) -> None:
    """Let the warnings and errors of these libraries (by their loggers' names) be lines like all others."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [Forwarded()], False
        logger.setLevel(logging.WARNING)


class StandardError:
    """Standard error as it is when a line is written. What cannot be written is let go: a log stops no work."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a pipe whose reader went, a terminal that was closed
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logs(level: str = "info", *, json: bool | None = None) -> None:
    """Set structlog up for this process. `json`: None means JSON unless standard error is a terminal."""
    as_json = json if json is not None else not sys.stderr.isatty()
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            say_whose_turn_it_is,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if as_json else structlog.processors.ExceptionRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, StandardError())),
    )
