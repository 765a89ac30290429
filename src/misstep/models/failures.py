"""What a model's not answering means: one failure with a reason for each way in which it happens.

| what happened | failure | reason |
|---|---|---|
| no connection, no answer in time, HTTP 408, 429, 5xx, a spent quota, no completion | ModelDown | `model_down` |
| the model, or a filter of the provider's, refuses | ModelRefused | `compliance_fail` |
| no JSON, JSON that does not fit, an answer that was cut off | ModelNonsense | `schema_invalid` |
| HTTP 400, 401, 403, 404, 422: a mistake of ours, its owner is told | ModelRejectedRequest | `agent_fault` |

The first three are failures as agents return them, so an agent lets them pass: its turn has that reason. (It names
`compliance_fail` in its signature only if it lets refusals pass; where a refusal means something else to it, it catches
ModelRefused.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ValidationError

from misstep.agents.calling import MODEL_DOWN, DependencyDown
from misstep.agents.failure import Failure

FIELDS_SHOWN = 20
SAID_MAX_CHARS = 500


class ModelDown(DependencyDown):
    """The model does not answer, or not in time."""

    def __init__(
        self, model: str, detail: str, evidence: Mapping[str, object] | None = None, *, retry_after: float = 0.0
    ) -> None:
        """retry_after: seconds that the provider asked to wait."""
        super().__init__(MODEL_DOWN, f"{model}: {detail}", {"model": model, **(evidence or {})})
        self.retry_after = retry_after
        self.tokens = 0


class ModelRefused(Failure[Literal["compliance_fail"]]):
    """The model, or a filter before or behind it, will not answer this."""

    def __init__(self, model: str, said: str, *, tokens: int = 0) -> None:
        detail = f"{model} refuses: {said[:SAID_MAX_CHARS] or 'it does not say why'}"
        super().__init__("compliance_fail", detail, {"model": model, "refusal": said[:SAID_MAX_CHARS]})
        self.tokens = tokens


class ModelNonsense(Failure[Literal["schema_invalid"]]):
    """The model answered, and not in the shape that was asked for."""

    def __init__(self, model: str, shape: str, fields: Mapping[str, str], said: str, *, tokens: int = 0) -> None:
        """fields: field -> what is wrong with it. said: the answer as it came."""
        listed = "; ".join(f"{name}: {text}" for name, text in fields.items())
        super().__init__(
            "schema_invalid",
            f"output: what {model} answered is no {shape}: {listed}",
            {"stage": "output", "model": model, "fields": dict(fields), "said": said[:SAID_MAX_CHARS]},
        )
        self.tokens = tokens

    @classmethod
    def of(cls, model: str, error: ValidationError, said: str, *, tokens: int = 0) -> ModelNonsense:
        """From pydantic's findings."""
        fields = {
            ".".join(map(str, part["loc"])) or "(whole)": part["msg"]
            for part in error.errors(include_url=False, include_input=False, include_context=False)[:FIELDS_SHOWN]
        }
        return cls(model, error.title, fields, said, tokens=tokens)


ModelFailure = ModelDown | ModelRefused | ModelNonsense
"""Whatever a model fails with. Each has `tokens`: what it cost all the same."""


class ModelRejectedRequest(RuntimeError):
    """A provider does not take the request as it is: a key that is not valid, a model that does not exist."""
