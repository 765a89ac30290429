"""A model of a provider that speaks OpenAI's chat completions, by way of pydantic-ai (extra `misstep[models]`).

Its library sends the request and sorts the provider's errors; retries, fallbacks and budgets are the choreography's, so
the library makes none. The answer's JSON is read here, so that its tokens are known when it does not fit.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Final, Literal

from pydantic import ValidationError
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelHTTPError,
    ModelQuotaExceededError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings as RequestSettings

from misstep.agents.down import DOWN_STATUS
from misstep.models.failures import ModelDown, ModelNonsense, ModelRefused, ModelRejectedRequest
from misstep.models.model import A, Answer, Prompt

_FENCED: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
"""Models wrap JSON in a code fence, asked or not."""
_NO_KEY: Final = "none"
"""The client insists on a key; services without keys do not look at it."""


class ProviderModel:
    """One model at one provider."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str = "",
        timeout_ms: int = 20_000,
        shape: Literal["native", "prompt"] = "native",
        max_tokens: int = 4_000,
    ) -> None:
        """name: as the provider calls it. shape: how the answer's JSON schema is sent."""
        self.name = name
        self._timeout_s = timeout_ms / 1000
        self._shape = shape
        self._provider = OpenAIProvider(base_url=base_url, api_key=api_key or _NO_KEY)
        self._model = OpenAIChatModel(name, provider=self._provider)
        self._settings = RequestSettings(timeout=self._timeout_s, max_retries=0, max_tokens=max_tokens, temperature=0)

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        """One request, whatever the attempt. Raises ModelDown, ModelRefused, ModelNonsense, ModelRejectedRequest."""
        schema = answers.model_json_schema()
        text = prompt.text
        if prompt.facts is not None:
            text += f"\n\nFacts:\n{prompt.facts.model_dump_json(indent=1)}"
        if self._shape == "native":
            output = OutputObjectDefinition(json_schema=schema, name=answers.__name__, description=answers.__doc__)
            parameters = ModelRequestParameters(output_mode="native", output_object=output)
        else:
            text += (
                f"\n\nAnswer with one JSON object that fits this JSON schema, and nothing else:\n{json.dumps(schema)}"
            )
            parameters = ModelRequestParameters()
        response = await self._request(text, parameters)
        tokens = response.usage.total_tokens
        said = "".join(part.content for part in response.parts if part.part_kind == "text")
        if response.finish_reason == "content_filter":
            refusal = (response.provider_details or {}).get("refusal") or said
            raise ModelRefused(self.name, str(refusal), tokens=tokens)
        if response.finish_reason == "length":
            cut_off = {"(whole)": f"it was cut off after {response.usage.output_tokens} tokens"}
            raise ModelNonsense(self.name, answers.__name__, cut_off, said, tokens=tokens)
        fenced = _FENCED.match(said)
        try:
            read = answers.model_validate_json(fenced[1] if fenced else said)
        except ValidationError as error:
            raise ModelNonsense.of(self.name, error, said, tokens=tokens) from None
        return Answer(read, tokens, self.name)

    async def close(self) -> None:
        """Close the connections."""
        await self._provider.client.close()

    async def _request(self, text: str, parameters: ModelRequestParameters) -> ModelResponse:
        messages = [ModelRequest(parts=[UserPromptPart(text)])]
        try:
            async with asyncio.timeout(self._timeout_s):  # the library's own limits are per phase of the connection
                return await model_request(
                    self._model, messages, model_settings=self._settings, model_request_parameters=parameters
                )
        except TimeoutError:
            raise ModelDown(
                self.name, f"no answer within {self._timeout_s:g} s", {"timeout_s": self._timeout_s}
            ) from None
        except ContentFilterError as error:
            raise ModelRefused(self.name, error.message) from None
        except UnexpectedModelBehavior as error:
            raise ModelDown(self.name, f"what answers is no model: {_line(error.message)}") from None
        except ModelHTTPError as error:
            status = error.status_code
            if status not in DOWN_STATUS and status < 500 and not isinstance(error, ModelQuotaExceededError):
                raise ModelRejectedRequest(
                    f"{self.name} does not take the request: HTTP {status}: {_line(str(error.body))}"
                ) from None
            raise ModelDown(
                self.name,
                f"HTTP {status}: {_line(str(error.body))}",
                {"http_status": status},
                retry_after=error.retry_after or 0.0,
            ) from None
        except ModelAPIError as error:
            raise ModelDown(
                self.name, f"no connection: {_line(str(error))}", {"exception": type(error).__name__}
            ) from None


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
