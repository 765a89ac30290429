"""What a user sees while servers are fetched and started."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class Reporter(Protocol):
    """Where progress goes. Called from several threads."""

    def say(self, line: str) -> None:
        """Show one line."""

    def bar(self, label: str, total_bytes: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show a bar while the context lasts; the function that it yields is told the bytes as they arrive."""


class Silent:
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Drop the line."""

    @contextmanager
    def bar(self, label: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Show no bar."""
        yield lambda _: None


class Lines:
    """One line a thing, for a log or a pipe."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr

    def say(self, line: str) -> None:
        """Write the line."""
        self.out.write(line + "\n")
        self.out.flush()

    @contextmanager
    def bar(self, label: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Write one line in the bar's place."""
        self.say(f"{label}, {total_bytes / 1e6:.0f} MB")
        yield lambda _: None


class Terminal:
    """Lines and moving bars, for a person."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    def say(self, line: str) -> None:
        """Print the line, above a bar that is showing."""
        self.console.print(line, markup=False, highlight=False)

    @contextmanager
    def bar(self, label: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """Show a bar with the amount and the speed."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(label, total=total_bytes)
            yield lambda count: progress.advance(task, count)


def reporter_for(out: TextIO | None = None) -> Reporter:
    """Moving bars when `out` (default: stderr) is a terminal, else lines."""
    out = out or sys.stderr
    return Terminal(Console(file=out)) if out.isatty() else Lines(out)
