"""A server that ended while its start was being waited for."""

from misstep.errors import MisstepError


class ServerDiedError(MisstepError):
    """The process is gone. Carries the last meaningful line of its log and the log's path."""
