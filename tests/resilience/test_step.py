"""`turn.step`: run once, remembered, handed back to whoever runs the turn again; and what cannot be remembered."""

import asyncio
import dataclasses
import functools
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field

from misstep import Contract, Failure, Turn, agent
from misstep.agents.step import StepFault
from misstep.store.checkpoint import CHECKPOINT_MAX_BYTES
from misstep.testing import turn as make_turn
from misstep.testing.checkpoints import InMemoryCheckpoints

T = TypeVar("T")


class Page(Contract, name="resilience.page", version="1.0"):
    number: int


class Amount(Contract, name="resilience.amount", version="1.0"):
    total: Decimal
    at: datetime


class Word(BaseModel):
    text: str = Field(alias="t")
    box: tuple[int, int, int, int]


@dataclasses.dataclass
class Line:
    words: list[Word]
    amount: Amount | None = None


AMOUNT = Amount(total=Decimal("12.50"), at=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC))
WORD = Word(t="Total", box=(1, 2, 3, 4))


class Memory:
    """A turn that crashes again and again, and what it remembers."""

    def __init__(self) -> None:
        self.store = InMemoryCheckpoints()
        self.runs = 0

    @property
    def turn(self) -> Turn[Page]:
        """The same turn, run anew."""
        return make_turn(Page(number=1), checkpoints=self.store, workflow="work", agent="read")

    def counted(self, fn: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., Coroutine[Any, Any, T]]:
        @functools.wraps(fn)
        async def run(*a: Any, **k: Any) -> T:
            self.runs += 1
            return await fn(*a, **k)

        return run


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def an_amount() -> Amount:
    return AMOUNT


async def a_line() -> Line:
    return Line([WORD], AMOUNT)


async def a_mapping() -> dict[str, Annotated[list[Word], "words"]]:
    return {"z": [WORD], "a": []}


async def an_amount_or_failure() -> Amount | Failure[Literal["rubric_fail"]]:
    return AMOUNT


async def one_of_two() -> Line | Amount:
    return AMOUNT


async def nothing() -> None:
    return None


async def bare():  # type: ignore[no-untyped-def]  # as people write it
    return {"total": 12.5, "lines": ["ä", "\x00", "😀"], "paid": None, "z": 1, "a": 10**30}


async def anything() -> Any:
    return [1, 2.5, "x", None, True]


@pytest.mark.parametrize(
    "fn",
    [an_amount, a_line, a_mapping, an_amount_or_failure, one_of_two, nothing, bare, anything],
    ids=lambda fn: fn.__name__,
)
def test_a_result_comes_back_as_what_it_was_and_its_function_is_not_run_again(
    memory: Memory, fn: Callable[[], Coroutine[Any, Any, object]]
) -> None:
    async def turns() -> None:
        first = await memory.turn.step("work", memory.counted(fn))
        again = await memory.turn.step("work", memory.counted(fn))
        assert first == again == await fn()
        assert type(first) is type(again)
        if isinstance(first, dict):
            assert list(first) == list(await fn()) == list(again)  # type: ignore[call-overload]

    asyncio.run(turns())
    assert memory.runs == 1


class Clerk:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def look(self, name: str, *, deep: bool) -> Amount:
        self.asked.append(f"{name} {deep}")
        return AMOUNT

    async def __call__(self) -> Amount:
        return await self.look("called", deep=False)


def test_methods_partials_and_callable_objects_are_functions_too(memory: Memory) -> None:
    clerk = Clerk()

    async def turns() -> None:
        for _ in range(2):
            turn = memory.turn
            assert await turn.step("method", clerk.look, "a", deep=True) == AMOUNT
            assert await turn.step("partial", functools.partial(clerk.look, "b", deep=True)) == AMOUNT
            assert await turn.step("object", clerk) == AMOUNT

    asyncio.run(turns())
    assert clerk.asked == ["a True", "b True", "called False"]


def test_a_failure_or_an_exception_is_passed_on_and_not_remembered(memory: Memory) -> None:
    ways: list[object] = [Failure("rubric_fail", "unsure"), KeyError("bug"), AMOUNT]

    async def shaky() -> Amount | Failure[Literal["rubric_fail"]]:
        way = ways.pop(0)
        if isinstance(way, KeyError):
            raise way
        return way  # type: ignore[return-value]

    async def turns() -> None:
        said = await memory.turn.step("work", shaky)
        assert isinstance(said, Failure)
        with pytest.raises(KeyError):
            await memory.turn.step("work", shaky)
        assert await memory.turn.step("work", shaky) == AMOUNT
        assert await memory.turn.step("work", shaky) == AMOUNT

    asyncio.run(turns())
    assert ways == []


def test_steps_of_one_turn_run_at_the_same_time_and_the_same_one_runs_once(memory: Memory) -> None:
    under_way = 0
    most = 0

    async def slow(number: int) -> int:
        nonlocal under_way, most
        memory.runs += 1
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return number

    async def turns() -> None:
        turn = memory.turn
        numbers = await asyncio.gather(
            *(turn.step(f"page-{number}", slow, number) for number in range(5)), turn.step("page-0", slow, 0)
        )
        assert numbers == [0, 1, 2, 3, 4, 0]

    asyncio.run(turns())
    assert memory.runs == 5
    assert most == 5


def test_one_name_for_two_functions_or_two_sets_of_arguments_is_refused(memory: Memory) -> None:
    async def ocr(page: int) -> int:
        return page

    async def price(page: int) -> int:
        return page

    async def turns() -> None:
        turn = memory.turn
        await turn.step("page", ocr, 1)
        with pytest.raises(StepFault, match=r"step 'page' is .*ocr already, and now .*price; give each a name"):
            await turn.step("page", price, 1)
        with pytest.raises(StepFault, match="a second time with other arguments"):
            await turn.step("page", ocr, 2)
        assert await turn.step("page", ocr, 1) == 1

    asyncio.run(turns())


class Opaque:
    pass


async def opaque_said() -> Opaque:
    raise AssertionError("found out before it runs")


async def opaque_unsaid() -> Any:
    return Opaque()


async def model_unsaid() -> Any:
    return AMOUNT


async def tuple_unsaid() -> Any:
    return (1, 2)


async def no_number() -> Any:
    return math.nan


async def no_number_said() -> float:
    return math.inf


async def keys_of_numbers() -> Any:
    return {1: "one"}


async def more_than_was_said() -> Page:
    class Numbered(Page):
        chapter: int

    return Numbered(number=1, chapter=2)


async def other_than_was_said() -> Page:
    return AMOUNT  # type: ignore[return-value]


async def circular() -> Any:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("fn", "kind"),
    [
        (opaque_said, "Opaque"),
        (opaque_unsaid, "Opaque"),
        (model_unsaid, "Amount"),
        (tuple_unsaid, "tuple"),
        (no_number, "float"),
        (no_number_said, "float"),
        (keys_of_numbers, "dict"),
        (more_than_was_said, "Numbered"),
        (other_than_was_said, "Amount"),
        (circular, "list"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_cannot_be_remembered_is_said_with_step_and_type(
    memory: Memory, fn: Callable[[], Coroutine[Any, Any, object]], kind: str
) -> None:
    with pytest.raises(StepFault) as fault:
        asyncio.run(memory.turn.step("work", fn))
    assert "step 'work'" in str(fault.value)
    assert kind in str(fault.value)
    assert "\n" not in str(fault.value)
    assert fault.value.evidence["step"] == "work"
    assert asyncio.run(memory.store.of_turn(memory.turn.idempotency_key)) == {}


def test_one_byte_too_many_is_said_with_both_sizes(memory: Memory) -> None:
    async def large(size: int) -> str:
        return "x" * (size - 2)

    assert len(asyncio.run(memory.turn.step("fits", large, CHECKPOINT_MAX_BYTES))) == CHECKPOINT_MAX_BYTES - 2
    with pytest.raises(StepFault, match=r"step 'large' came to 262,145 bytes, and 262,144 can be remembered") as fault:
        asyncio.run(memory.turn.step("large", large, CHECKPOINT_MAX_BYTES + 1))
    assert fault.value.evidence == {"step": "large", "bytes": 262_145, "max_bytes": 262_144}


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00b", 7])
def test_a_name_that_is_none_is_refused(memory: Memory, name: Any) -> None:
    with pytest.raises(StepFault, match="a step's name is a short text"):
        asyncio.run(memory.turn.step(name, an_amount))


def test_what_was_remembered_by_code_that_changed_is_said(memory: Memory) -> None:
    async def before() -> int:
        return 1

    async def after() -> Amount:
        return AMOUNT

    asyncio.run(memory.turn.step("work", before))
    with pytest.raises(StepFault, match=r"does not fit what .*after returns today"):
        asyncio.run(memory.turn.step("work", after))


@agent(budget="1s")
async def reads(turn: Turn[Page]) -> Amount | Failure[Literal["model_down"]]:
    return await turn.step("amount", an_amount)


def test_an_agent_with_steps_is_still_a_function() -> None:
    assert asyncio.run(reads(make_turn(Page(number=1)))) == AMOUNT
