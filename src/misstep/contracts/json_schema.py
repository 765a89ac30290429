"""A contract as JSON Schema: what a writer in any language may send, constraints included."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from misstep.errors import UsageError

_WORDS: Final = frozenset(("title", "description", "examples", "$comment"))
_BY_NAME: Final = frozenset(("properties", "$defs", "patternProperties", "dependentSchemas"))
"""Keywords whose keys are names and not keywords: a field may be called title."""
_VALUES: Final = frozenset(("default", "enum", "const"))
"""Keywords whose contents are values and not schemas."""


class Published(GenerateJsonSchema):
    """pydantic's JSON Schema, with decimals said alike by every version of pydantic, and sets by every process."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        said = super().default_schema(schema)
        default = said.get("default")
        if isinstance(default, list) and any(branch.get("uniqueItems") for branch in (said, *said.get("anyOf", ()))):
            # A set has no order of its own, and Python's differs from process to process.
            said = {**said, "default": sorted(default, key=lambda item: json.dumps(item, sort_keys=True))}
        return said

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        said = super().decimal_schema(schema)
        for branch in (said, *said.get("anyOf", ())):
            if branch.get("type") == "string":
                # The pattern that pydantic derives from the digits has changed between its versions.
                branch.pop("pattern", None)
                branch["format"] = "decimal"
                for digits, keyword in (("max_digits", "maxDigits"), ("decimal_places", "decimalPlaces")):
                    if schema.get(digits) is not None:
                        branch[keyword] = schema[digits]  # type: ignore[literal-required]
        return said


def published(model: type[BaseModel]) -> dict[str, Any]:
    """What may be sent, by the names that travel. UsageError when a field cannot be said in JSON."""
    return generated(model, Published, "validation")


def generated(model: type[BaseModel], generator: type[GenerateJsonSchema], mode: str) -> dict[str, Any]:
    """The model's JSON Schema by a generator of ours; mode "validation" (what is read) or "serialization" (written)."""
    try:
        return model.model_json_schema(by_alias=True, schema_generator=generator, mode=mode)  # type: ignore[arg-type]
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        reason = str(error).split("\n")[0]
        raise UsageError(
            f"contract {model.__module__}.{model.__qualname__} has a field that cannot be said in JSON: {reason}"
        ) from None


def without_words(schema: Any) -> Any:
    """The schema without what is said for people: titles, descriptions, examples."""
    if isinstance(schema, list):
        return [without_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for keyword, part in schema.items():
        if keyword in _WORDS:
            continue
        if keyword in _BY_NAME and isinstance(part, dict):
            kept[keyword] = {name: without_words(inner) for name, inner in part.items()}
        else:
            kept[keyword] = part if keyword in _VALUES else without_words(part)
    return kept
