"""What a real HTTP provider does, and which reason a turn gets for it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, Field

from misstep.errors import UsageError
from misstep.models import Answer, ModelDown, ModelNonsense, ModelRefused, ModelSettings, Prompt, open_model
from misstep.models.failures import ModelRejectedRequest
from tests.models.provider import TOKENS, Provider


class Town(BaseModel):
    """A town and how many live there."""

    city: str
    people: int = Field(gt=0)


class Hint(BaseModel):
    river: str


UTRECHT = {"city": "Utrecht", "people": 376_000}
WHERE = Prompt("Which town?", facts=Hint(river="Vecht"))


def ask(provider: Provider, model: str, *, url: str = "", **settings: Any) -> Answer[Town]:
    async def asking() -> Answer[Town]:
        given = ModelSettings(model=model, base_url=url or provider.url, **settings)
        async with open_model(given) as opened:
            return await opened.ask(WHERE, answers=Town)

    return asyncio.run(asking())


def test_a_good_answer_is_read_and_its_tokens_are_counted(provider: Provider) -> None:
    provider.says["good"] = UTRECHT
    answer = ask(provider, "good", api_key="secret")
    assert (answer.output, answer.tokens, answer.model) == (Town(**UTRECHT), TOKENS, "good")
    assert provider.keys == ["Bearer secret"]


def test_the_prompt_its_facts_and_the_shape_of_the_answer_are_sent(provider: Provider) -> None:
    provider.says["good"] = UTRECHT
    ask(provider, "good")
    (request,) = provider.requests
    sent = json.dumps(request["messages"])
    assert "Which town?" in sent
    assert "Vecht" in sent
    assert set(request["response_format"]["json_schema"]["schema"]["properties"]) == {"city", "people"}


def test_for_services_without_response_formats_the_shape_stands_in_the_prompt(provider: Provider) -> None:
    provider.says["good"] = f"```json\n{json.dumps(UTRECHT)}\n```"
    assert ask(provider, "good", shape="prompt").output.city == "Utrecht"
    (request,) = provider.requests
    assert "response_format" not in request
    assert "people" in json.dumps(request["messages"])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_provider_in_trouble_is_down_and_is_asked_once(provider: Provider, status: int) -> None:
    provider.status["ill"] = (status, {})
    with pytest.raises(ModelDown) as down:
        ask(provider, "ill")
    assert (down.value.reason, down.value.evidence["http_status"]) == ("model_down", status)
    assert provider.asked["ill"] == 1, "retries are the choreography's"


def test_the_wait_that_a_busy_provider_asks_for_is_kept(provider: Provider) -> None:
    provider.status["busy"] = (429, {"Retry-After": "17"})
    with pytest.raises(ModelDown) as down:
        ask(provider, "busy")
    assert down.value.retry_after == 17


def test_a_provider_that_does_not_answer_in_time_is_down(provider: Provider) -> None:
    provider.hangs["slow"] = 1
    with pytest.raises(ModelDown, match=r"no answer within 0\.2 s"):
        ask(provider, "slow", timeout="200ms")


def test_nobody_at_the_address_is_down(provider: Provider) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ModelDown, match="no connection"):
            ask(provider, "any", url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")


def test_a_page_of_the_gateway_in_between_is_no_model(provider: Provider) -> None:
    provider.page["hidden"] = "<h1>Maintenance</h1>"
    with pytest.raises(ModelDown, match="no model"):
        ask(provider, "hidden")


def test_a_refusal_is_a_matter_of_compliance(provider: Provider) -> None:
    provider.refuses["prim"] = "I cannot help with towns."
    with pytest.raises(ModelRefused) as refused:
        ask(provider, "prim")
    assert refused.value.reason == "compliance_fail"
    assert refused.value.evidence["refusal"] == "I cannot help with towns."
    assert refused.value.tokens == TOKENS


def test_text_that_is_no_json_is_schema_invalid_and_costs_all_the_same(provider: Provider) -> None:
    provider.says["chatty"] = "Certainly! The town is Utrecht."
    with pytest.raises(ModelNonsense) as nonsense:
        ask(provider, "chatty")
    assert (nonsense.value.reason, nonsense.value.tokens) == ("schema_invalid", TOKENS)
    assert nonsense.value.evidence["said"] == "Certainly! The town is Utrecht."


def test_json_that_breaks_the_shape_names_the_fields(provider: Provider) -> None:
    provider.says["odd"] = {"town": "Utrecht", "people": -1}
    with pytest.raises(ModelNonsense) as nonsense:
        ask(provider, "odd")
    assert nonsense.value.evidence["fields"] == {
        "city": "Field required",
        "people": "Input should be greater than 0",
    }


def test_an_answer_that_was_cut_off_says_so(provider: Provider) -> None:
    provider.says["long"] = '{"city": "Utre'
    provider.cut_off.add("long")
    with pytest.raises(ModelNonsense, match="cut off after 7 tokens"):
        ask(provider, "long")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_request_that_is_rejected_is_our_mistake_and_no_reason_of_the_model(provider: Provider, status: int) -> None:
    provider.status["locked"] = (status, {})
    with pytest.raises(ModelRejectedRequest, match=f"HTTP {status}"):
        ask(provider, "locked")


def test_settings_that_name_no_model_are_a_sentence() -> None:
    class Drafter(ModelSettings, env_prefix="DRAFTER_"): ...

    async def opening(settings: ModelSettings) -> None:
        async with open_model(settings):
            raise AssertionError("it opened")

    with pytest.raises(UsageError, match="DRAFTER_MODEL is empty"):
        asyncio.run(opening(Drafter()))
    with pytest.raises(UsageError, match="DRAFTER_TIMEOUT"):
        asyncio.run(opening(Drafter(model="any", timeout="soon")))


def test_a_key_is_not_in_what_the_settings_say() -> None:
    assert "secret" not in repr(ModelSettings(model="any", api_key="secret"))  # type: ignore[arg-type]


def test_importing_the_interface_does_not_import_a_providers_library() -> None:
    script = (
        "import sys, misstep.models; sys.exit(any(name.startswith(('openai', 'pydantic_ai')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
