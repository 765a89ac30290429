"""A step of a turn: an expensive part whose result is remembered, so that a crash or a retry does not run it again."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import types
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, Union

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError

from misstep.agents.failure import Failure
from misstep.store.checkpoint import CHECKPOINT_MAX_BYTES, STEP_NAME_MAX_CHARS, CheckpointStore, TurnPlace

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from misstep.agents.turn import Turn

T = TypeVar("T")

CHECKPOINTS: Final = "checkpoints"
"""The dependency that a step needs besides its own; its name in breakers, metrics and evidence."""


class StepFault(Exception):
    """A step that cannot be remembered: a bug of the agent."""

    def __init__(self, text: str, **evidence: object) -> None:
        super().__init__(text)
        self.evidence: Mapping[str, object] = evidence


@dataclass(slots=True)
class StepCall:
    """One step of an attempt: what was called, and what came of it."""

    fn: Callable[..., Any]
    a: tuple[Any, ...]
    k: dict[str, Any]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: str | None = None


async def run_step(
    turn: Turn[Any],
    store: CheckpointStore,
    reaching: Callable[[], AbstractAsyncContextManager[None]],
    name: str,
    fn: Callable[..., Coroutine[Any, Any, T]],
    a: tuple[Any, ...],
    k: dict[str, Any],
) -> T:
    """The result of `fn(*a, **k)`: remembered if this turn has run it before, else run now and then remembered.

    What is returned is the remembered result read back, the first time too: a retry sees nothing else. A Failure that
    `fn` returns or raises, and any exception, is passed on and not remembered.

    reaching: around each use of the store; turns what means that it is down into `model_down`. Raises StepFault for
    what cannot be remembered.
    """
    _check_name(name)
    call = turn.steps.setdefault(name, StepCall(fn, a, k))
    _check_same(name, call, fn, a, k)
    shape = _Shape(name, fn)
    place = TurnPlace(turn.workflow, turn.case_id, turn.epoch, turn.idempotency_key)
    async with call.lock:  # the same step a second time waits for the first
        if call.value is None:
            async with reaching():
                call.value = await store.load(place, name)
        if call.value is None:
            result = await fn(*a, **k)
            if isinstance(result, Failure):
                return result
            text = shape.written(result)
            size = len(text.encode())
            if size > CHECKPOINT_MAX_BYTES:
                raise StepFault(
                    f"step {name!r} came to {size:,} bytes, and {CHECKPOINT_MAX_BYTES:,} can be remembered; keep the "
                    "result elsewhere and let the step return its address",
                    step=name,
                    bytes=size,
                    max_bytes=CHECKPOINT_MAX_BYTES,
                )
            async with reaching():
                call.value = await store.save(place, name, text, function=_named(fn))
        return typing.cast("T", shape.read(call.value))


class _Shape:
    """How a step's result is written and read back: by the return annotation of its function, if it has one."""

    def __init__(self, step: str, fn: Callable[..., Any]) -> None:
        self._step = step
        self._fn = _named(fn)
        self._adapter: TypeAdapter[Any] | None = None
        annotation = _annotation_of(fn)
        if annotation is not None:
            try:
                self._adapter = _adapter(annotation)
            except PydanticUserError as error:
                raise StepFault(
                    f"step {step!r}: what {self._fn} returns, {_type_name(annotation)}, cannot be remembered: "
                    f"{_line(error)}; let it return a contract, a pydantic model, a dataclass or JSON",
                    step=step,
                    type=_type_name(annotation),
                ) from error

    def written(self, result: object) -> str:
        """JSON of a result that comes back as it is."""
        try:
            if self._adapter is None:
                text = json.dumps(result, allow_nan=False, ensure_ascii=False)
            else:
                text = self._adapter.dump_json(result, by_alias=True, round_trip=True, warnings="error").decode()
            back = self.read(text)
        except (TypeError, ValueError, RecursionError, PydanticSerializationError, StepFault) as error:
            raise self._unstorable(result, _line(error)) from error
        if not _same(back, result):
            raise self._unstorable(result, "it does not come back from JSON as it was")
        return text

    def read(self, text: str) -> object:
        try:
            return json.loads(text) if self._adapter is None else self._adapter.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            at = ".".join(map(str, first["loc"])) or "(whole)"
            raise StepFault(
                f"step {self._step!r}: what was remembered does not fit what {self._fn} returns today ({at}: "
                f"{first['msg']}); give a step that changed another name",
                step=self._step,
            ) from error

    def _unstorable(self, result: object, why: str) -> StepFault:
        kind = _type_name(type(result))
        advice = (
            f"annotate what {self._fn} returns with a contract, a pydantic model or a dataclass"
            if self._adapter is None
            else f"let {self._fn} return just what it is annotated with"
        )
        return StepFault(
            f"step {self._step!r} came to a {kind}, which cannot be remembered ({why}); {advice}",
            step=self._step,
            type=kind,
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= STEP_NAME_MAX_CHARS or not name.isprintable():
        raise StepFault(
            f"a step's name is a short text, {STEP_NAME_MAX_CHARS} characters at most; {ascii(name)[:100]} is none"
        )


def _check_same(name: str, call: StepCall, fn: object, a: tuple[Any, ...], k: dict[str, Any]) -> None:
    if call.fn != fn:
        raise StepFault(
            f"step {name!r} is {_named(call.fn)} already, and now {_named(fn)}; give each a name of its own", step=name
        )
    if not _same((call.a, call.k), (a, k)):
        raise StepFault(
            f"step {name!r} is run a second time with other arguments; give each run a name of its own", step=name
        )


def _annotation_of(fn: Callable[..., Any]) -> Any:
    """What a function says that it returns, failures aside; None when it says nothing to go by."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if not inspect.isroutine(fn):
        fn = type(fn).__call__
    try:
        returned = typing.get_type_hints(inspect.unwrap(fn), include_extras=True).get("return")
    except (NameError, TypeError):
        return None
    members = [member for member in _members(returned) if typing.get_origin(member) is not Failure]
    members = [member for member in members if member is not Failure]
    if not members or any(member in (Any, object) or isinstance(member, TypeVar) for member in members):
        return None
    return Union[tuple(members)]  # noqa: UP007  # made of a list


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(inner for member in typing.get_args(hint) for inner in _members(member))
    return () if hint is None else (hint,)


@functools.lru_cache(maxsize=512)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(annotation)
    except TypeError:  # metadata that cannot be hashed
        return TypeAdapter(annotation)


def _same(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  # a type's own __eq__, whatever it does
        return False


def _named(fn: object) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return f"{getattr(fn, '__module__', '')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"[:STEP_NAME_MAX_CHARS]


def _type_name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
