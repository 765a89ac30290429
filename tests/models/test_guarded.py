"""A model behind a breaker: after so many failures nobody asks it, and its own wait is kept."""

from __future__ import annotations

import asyncio
import time

from pydantic import BaseModel

from misstep.agents.breaker import Change
from misstep.agents.calling import DependencyDown, calling
from misstep.agents.dependency_limits import Breaker
from misstep.agents.guard import Guard
from misstep.models import ModelNonsense, ModelSettings, Prompt, open_model
from tests.models.provider import Provider


class Town(BaseModel):
    city: str


class Deaf:
    def circuit_changed(self, dependency: str, change: Change) -> None: ...
    def waited_for_rate(self, dependency: str, seconds: float) -> None: ...


def failures(provider: Provider, model: str, times: int) -> list[DependencyDown | ModelNonsense]:
    """Ask so often through a breaker of two failures; what became of each."""
    guard = Guard("model", Breaker(2, 30_000), None, time.monotonic, Deaf())

    async def asking() -> list[DependencyDown | ModelNonsense]:
        failed: list[DependencyDown | ModelNonsense] = []
        async with open_model(ModelSettings(model=model, base_url=provider.url)) as opened:
            for _ in range(times):
                try:
                    async with calling("locate", "model", {"model"}, guard):
                        await opened.ask(Prompt("Which town?"), answers=Town)
                except (DependencyDown, ModelNonsense) as failure:
                    failed.append(failure)
        return failed

    return asyncio.run(asking())


def test_a_model_that_is_down_opens_its_circuit_and_is_left_alone(provider: Provider) -> None:
    provider.status["ill"] = (503, {})
    failed = failures(provider, "ill", 4)
    assert provider.asked["ill"] == 2
    assert ["circuit" in failure.evidence for failure in failed] == [False, False, True, True]


def test_a_model_that_asks_for_a_wait_is_left_alone_at_once_and_for_so_long(provider: Provider) -> None:
    provider.status["busy"] = (429, {"Retry-After": "40"})
    first, second = failures(provider, "busy", 2)
    assert provider.asked["busy"] == 1
    assert isinstance(first, DependencyDown)
    assert isinstance(second, DependencyDown)
    assert first.retry_after == 40
    assert 30 < second.retry_after <= 45


def test_nonsense_is_an_answer_and_opens_no_circuit(provider: Provider) -> None:
    provider.says["chatty"] = "Well, ..."
    assert [failure.reason for failure in failures(provider, "chatty", 4)] == ["schema_invalid"] * 4
    assert provider.asked["chatty"] == 4
