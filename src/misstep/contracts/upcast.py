"""Upcasters: pure functions that bring an old value to a newer version of its contract."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from misstep.contracts.contract import Contract
from misstep.contracts.identity import parse_version
from misstep.contracts.misfit import Misfit, cut
from misstep.errors import UsageError

Old = dict[str, JsonValue]
Cast = Callable[[Old], Old]
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Upcaster:
    """One step: values of `name` at version `before`, or an earlier minor of it, become version `after`."""

    name: str
    before: Version
    after: Version
    cast: Cast

    @property
    def called(self) -> str:
        """The function's name, for messages."""
        return getattr(self.cast, "__name__", "an upcaster")


_registered: dict[str, dict[tuple[Version, Version], Upcaster]] = {}
_lock = threading.Lock()


def upcaster(contract: type[Contract] | str, before: str, after: str) -> Callable[[Cast], Cast]:
    """Register `def v1_4_to_v2_0(old)`: given a value of version `before` as JSON, it returns it as `after`.

    contract: the contract's class, or its name when the old class is gone. before, after: "major.minor". The function
    gets a dict of its own, may change it, and touches nothing else. Whatever it raises is a `schema_invalid` of that
    event. Registered again for the same step, the newer function takes the older one's place. Raises UsageError for
    versions that are none or do not ascend.
    """
    name = contract if isinstance(contract, str) else contract.__contract__.name
    step = (_version(name, before), _version(name, after))
    if step[0] >= step[1]:
        raise UsageError(f"upcaster of {name} goes from {before} to {after}; it must go to a higher version.")

    def register(cast: Cast) -> Cast:
        with _lock:
            _registered.setdefault(name, {})[step] = Upcaster(name, *step, cast)
        return cast

    return register


def upcasters_of(name: str) -> tuple[Upcaster, ...]:
    """The registered steps of one contract, in the order of their versions."""
    with _lock:
        return tuple(step for _, step in sorted(_registered.get(name, {}).items(), key=lambda item: item[0]))


def way_up(steps: Iterable[Upcaster], before: Version, after: Version) -> Sequence[Upcaster] | None:
    """The steps that lead from one version to another; empty when none is needed, None when one is missing.

    Within a major, versions are compatible, so a step is taken where there is one and missed by nobody. A step from 1.4
    serves the values of 1.0 to 1.3 as well, and those of a later minor that has no step of its own.
    """
    known = [step for step in steps if step.after <= after]
    way: list[Upcaster] = []
    at = before
    while at < after:
        ahead = [step for step in known if step.before[0] == at[0] and step.before >= at]
        behind = [step for step in known if step.before[0] == at[0] and step.after[0] > at[0]]
        if ahead:
            step = min(ahead, key=lambda step: (step.before, (-step.after[0], -step.after[1])))
        elif at[0] == after[0]:
            break
        elif behind:
            step = max(behind, key=lambda step: (step.before, step.after))
        else:
            return None
        way.append(step)
        at = step.after
    return way


def raised(value: bytes, steps: Sequence[Upcaster]) -> bytes:
    """An old value (JSON) brought up by the steps, as JSON. Raises Misfit("schema") when it cannot be."""
    try:
        old: Any = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise Misfit("schema", f"not JSON: {error}") from None
    for step in steps:
        if not isinstance(old, dict):
            raise Misfit("schema", f"an old {step.name} must be an object, not {type(old).__name__}")
        try:
            old = step.cast(old)
        except Exception as error:  # noqa: BLE001  an upcaster is the project's own code: whatever it raises is a misfit
            raise Misfit(
                "schema", f"{step.called} failed on this value: {type(error).__name__}: {cut(str(error), 300)}"
            ) from None
    try:
        return to_json(old, bytes_mode="base64")
    except ValueError as error:
        raise Misfit("schema", f"{steps[-1].called} made something that is no JSON: {cut(str(error), 300)}") from None


def _version(name: str, text: str) -> Version:
    try:
        return parse_version(text)
    except ValueError as error:
        raise UsageError(f"upcaster of {name}: {error}.") from None
