"""From an exception to one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer
from typer.exceptions import TyperException

from misstep.cli.interrupts import INTERRUPTED
from misstep.errors import AnswerIsNo, MisstepError, ServerUnreachable, UsageError

if TYPE_CHECKING:
    from confluent_kafka import KafkaException


def saying_errors(command: Callable[[], object], *, as_json: bool) -> int:
    """Call `command`; what it raises that a user can act on becomes a sentence on standard error.

    With `as_json` the sentence is `{"error": ...}` on standard output. Returns the exit code. Anything else that is
    raised is a bug and goes on as it is.
    """
    try:
        code = command()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except MisstepError as error:
        return _say(str(error), error.exit_code, as_json)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except typer.Exit as left:
        return left.exit_code
    except TyperException as error:
        return _say(_usage(error), UsageError.exit_code, as_json)
    except BrokenPipeError:
        # Who read our output has gone (`misstep why X | head`); what is left to write would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return AnswerIsNo.exit_code
    except Exception as error:
        if "confluent_kafka" in sys.modules:
            from confluent_kafka import KafkaException

            if isinstance(error, KafkaException):
                return _say(_kafka(error), ServerUnreachable.exit_code, as_json)
        raise


def _usage(error: TyperException) -> str:
    """What is wrong with the command line, and where its help is. Empty: the help itself was shown."""
    context = getattr(error, "ctx", None)
    said = getattr(error, "format_message", lambda: str(error))()
    if context is None or type(error).__name__ == "NoArgsIsHelpError":
        return str(said)
    return f"{str(said).rstrip('.')}; see `{context.command_path} --help`."


def _kafka(error: KafkaException) -> str:
    said = error.args[0].str() if error.args and hasattr(error.args[0], "str") else str(error)
    return f"Kafka says: {said}; see whether it is up with `misstep status`."


def _say(sentence: str, code: int, as_json: bool) -> int:
    if as_json:
        import json

        print(json.dumps({"error": sentence, "exit_code": code}))
    else:
        print(sentence if code == UsageError.exit_code and "\n" in sentence else f"Error: {sentence}", file=sys.stderr)
    sys.stdout.flush()
    return code
