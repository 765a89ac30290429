"""Settings of a dependency: read by the wiring alone, one subclass a dependency."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from misstep.errors import UsageError


class Settings(BaseSettings):
    """Where a dependency is and how it is called, from the environment.

    `class LedgerSettings(Settings, env_prefix="LEDGER_")` reads `LEDGER_DSN` for its field `dsn`.
    """

    model_config = SettingsConfigDict(extra="ignore")


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], *, what: str) -> S:
    """A dependency's settings from the environment. UsageError, naming `what` and each variable that is wrong."""
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        wrong = "; ".join(
            f"{(prefix + '__'.join(map(str, line['loc']))).upper()}: {line['msg']}"
            for line in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise UsageError(f"{what}: {kind.__name__} cannot be read from the environment ({wrong}); set it.") from None
