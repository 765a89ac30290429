"""From settings to a model that speaks to a provider: what a wiring does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from pydantic import Field, SecretStr

from misstep.agents.duration import duration_ms
from misstep.agents.wiring_settings import Settings
from misstep.errors import UsageError
from misstep.models.model import Model


class ModelSettings(Settings):
    """Where a model is and how it is asked: `class DrafterModel(ModelSettings, env_prefix="DRAFTER_")`."""

    model: str = Field(default="", description="The model's name at its provider; empty: none.")
    base_url: str = Field(
        default="https://api.openai.com/v1", description="Of any service that speaks OpenAI's chat completions."
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="Empty for a service without keys.")
    timeout: str = Field(default="20s", description="How long an answer may take; then the model counts as down.")
    shape: Literal["native", "prompt"] = Field(
        default="native",
        description="How the answer's JSON schema is sent: as response_format, or in the prompt for services that do "
        "not know that.",
    )
    max_tokens: int = Field(default=4_000, gt=0, description="Longest answer.")


@asynccontextmanager
async def open_model(settings: ModelSettings) -> AsyncIterator[Model]:
    """A model of a provider, closed at the end. Nothing is asked of it yet, so it opens while the provider is away.

    Raises UsageError when the settings name no model, a time-out that is none, or the extra is not installed.
    """
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    if not settings.model:
        raise UsageError(f"{prefix}MODEL is empty: name the model, or wire another one.")
    timeout_ms = duration_ms(settings.timeout, what=f"{prefix}TIMEOUT")
    try:
        from misstep.models.provider import ProviderModel
    except ImportError as error:
        raise UsageError(
            f"{prefix}MODEL={settings.model} needs a library that is not installed ({error}): "
            "pip install 'misstep[models]'."
        ) from None
    model = ProviderModel(
        settings.model,
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value(),
        timeout_ms=timeout_ms,
        shape=settings.shape,
        max_tokens=settings.max_tokens,
    )
    try:
        yield model
    finally:
        await model.close()
