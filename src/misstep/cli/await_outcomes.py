"""Waiting for cases to end, with a bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from misstep.cli.outcome_watch import Ended, OutcomeWatch

LOOK_BACK_S = 3.0
"""After that long without an outcome: had some of the cases ended before they were published this time?"""
POLL_S = 0.05


def await_outcomes(
    watch: OutcomeWatch,
    wanted: Collection[str],
    patience_s: float,
    errors: Console,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Ended]:
    """The first outcome of each wanted case; gives up when none has come for `patience_s`.

    A case that had ended before the watch began comes with `seen_at` 0. `meanwhile` is called again and again; what it
    raises ends the waiting.
    """
    found: dict[str, Ended] = {}
    read = 0
    looked_back = False
    last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("cases ended", total=len(wanted))
        while len(found) < len(wanted):
            watch.check()
            meanwhile()
            fresh = watch.ended[read:]
            read += len(fresh)
            for ended in fresh:
                if ended.case_id in wanted:
                    found.setdefault(ended.case_id, ended)
                    last = time.monotonic()
            progress.update(bar, completed=len(found))
            idle_s = time.monotonic() - last
            if idle_s > min(LOOK_BACK_S, patience_s) and not looked_back:
                looked_back = True
                for ended in watch.earlier(set(wanted) - set(found)):
                    found.setdefault(ended.case_id, replace(ended, seen_at=0.0))
            elif idle_s > patience_s:
                break
            time.sleep(POLL_S)
    return list(found.values())
