"""Giving up a start that is under way in another thread."""

import threading

from misstep.errors import MisstepError


class StartCancelledError(MisstepError):
    """The start was given up because its caller was interrupted or the other server failed."""


def check_cancelled(cancel: threading.Event | None) -> None:
    """Raises StartCancelledError when `cancel` is set."""
    if cancel is not None and cancel.is_set():
        raise StartCancelledError("the start was cancelled: run `misstep up` again.")
