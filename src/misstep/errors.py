"""What Misstep says when it cannot do what was asked: one sentence each, with the exit code that goes with it."""

from typing import ClassVar


class MisstepError(Exception):
    """A condition that the user can act on. Its text is one sentence: what is wrong, where, what to do."""

    exit_code: ClassVar[int] = 1


class AnswerIsNo(MisstepError):
    """The question was understood and the answer is "no": a check failed, a case was not found."""

    exit_code: ClassVar[int] = 1


class UsageError(MisstepError):
    """The command line, a setting, a file or a declaration is wrong."""

    exit_code: ClassVar[int] = 2


class ServerUnreachable(MisstepError):
    """Kafka or Postgres does not answer."""

    exit_code: ClassVar[int] = 3
