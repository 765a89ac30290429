"""Where the effects go."""

from collections.abc import AsyncIterator

from pydantic import Field
from rooms.agents.effects import Effects

from misstep import Settings, Wiring

wiring = Wiring()


class EffectSettings(Settings, env_prefix="CHAOS_"):
    """Of the table of effects."""

    effects: str = Field(description="Postgres DSN.")


@wiring.provides(dependency="effects")
async def effects(settings: EffectSettings) -> AsyncIterator[Effects]:
    table = Effects(settings.effects)
    yield table
    await table.close()
