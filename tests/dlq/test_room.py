"""The room `dlq/`: repairs are pure functions with names, fields are masked, and what is wrong is one sentence."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from misstep import DeadLetters
from misstep.dlq.redaction import MASK, Redaction
from misstep.dlq.repair import CannotRepair
from misstep.errors import UsageError
from misstep.saga.mount import unmount_rooms
from misstep.saga.rooms import load_project
from tests.saga.test_rooms import AGENTS, CONTRACTS, SCORE

letters = DeadLetters("shop", redact=["customer.iban", "lines[].text"], keep="90d")
calls: list[int] = []


@letters.repair
def add_a_number(payload: dict[str, Any]) -> dict[str, Any]:
    """Puts a number where there is none.

    The rest of the docstring is for those who read the file.
    """
    payload.setdefault("number", 1)
    return payload


@letters.repair
def cut_the_mark(value: bytes) -> bytes:
    return value.removeprefix(b"\xef\xbb\xbf")


@letters.repair
def raises(payload: dict[str, Any]) -> dict[str, Any]:
    return {"number": payload["missing"]}


@letters.repair
def returns_nothing(payload: dict[str, Any]) -> dict[str, Any]:
    return None  # type: ignore[return-value]


@letters.repair
def says_what_json_cannot(payload: dict[str, Any]) -> dict[str, Any]:
    return {"number": 1j}


@letters.repair
def counts_its_calls(payload: dict[str, Any]) -> dict[str, Any]:
    calls.append(1)
    return {"number": len(calls)}


def test_a_repair_is_given_the_payload_and_its_result_is_the_new_one() -> None:
    given = b'{"name": "x"}'
    assert orjson.loads(letters.named("add_a_number").apply(given, given)) == {"name": "x", "number": 1}
    assert letters.named("add_a_number").summary == "Puts a number where there is none."


def test_a_repair_may_take_bytes_that_nobody_can_read() -> None:
    assert letters.named("cut_the_mark").apply(b"\xef\xbb\xbf{}", None) == b"{}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("raises", b"{}", "raises raised KeyError: 'missing' (at test_room.py:"),
        ("returns_nothing", b"{}", "returns_nothing returned NoneType, not dict"),
        ("says_what_json_cannot", b"{}", "says_what_json_cannot returned what JSON cannot say"),
        ("counts_its_calls", b"{}", "counts_its_calls gave two different payloads for one letter"),
        ("add_a_number", b"[1]", "add_a_number takes a JSON object, and this letter holds a list"),
        ("add_a_number", None, "add_a_number takes a payload, and this letter's bytes are none"),
    ],
)
def test_a_repair_that_fails_says_so_in_one_sentence(name: str, value: bytes | None, said: str) -> None:
    with pytest.raises(CannotRepair) as refused:
        letters.named(name).apply(value, value)
    assert str(refused.value).startswith(said)


def test_a_repair_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no repair 'mend' for shop in dlq/; there is: add_a_number, cut_the_mark"):
        letters.named("mend")


def test_a_function_that_is_no_repair_is_refused_where_it_stands() -> None:
    def two(payload: dict[str, Any], more: int) -> dict[str, Any]:
        return payload

    def bare(payload):  # type: ignore[no-untyped-def]
        return payload

    async def slow(payload: dict[str, Any]) -> dict[str, Any]:
        return payload

    for function in (two, bare, slow):
        with pytest.raises(UsageError, match=r"test_room.py:\d+: repair "):
            letters.repair(function)  # type: ignore[type-var]
    with pytest.raises(UsageError, match=r"declared at .*test_room.py.* already"):
        letters.repair(add_a_number)


def test_masked_fields_are_masked_wherever_they_are() -> None:
    payload = {"customer": {"iban": "DE02", "name": "x"}, "lines": [{"text": "a", "x": 1}, {"x": 2}, 3], "number": 4}
    masked = letters.redaction.masked(payload)
    assert masked == {"customer": {"iban": MASK, "name": "x"}, "lines": [{"text": MASK, "x": 1}, {"x": 2}, 3],
                      "number": 4}  # fmt: skip
    assert payload["customer"] == {"iban": "DE02", "name": "x"}, "the original is left as it was"
    assert letters.redaction.masked([1]) == [1]


def test_what_repeats_a_masked_field_is_masked_too() -> None:
    payload = {
        "customer": {"iban": "DE02", "name": "x"},
        "lines": [{"text": "TOTAL 9.90"}, {"text": "ab"}],
        "number": 4,
    }
    said = {"row": "it says TOTAL 9.90 twice", "seen": ["DE02", "ab", 4, None], "name": "x"}
    assert letters.redaction.masked_mentions(said, payload) == {
        "row": f"it says {MASK} twice",
        "seen": [MASK, "ab", 4, None],
        "name": "x",
    }
    assert letters.redaction.masked_mentions(said, None) == said
    whole = Redaction.of(["customer"], what="redact")
    assert (
        whole.masked_mentions("DE02 of 1234", {"customer": {"iban": "DE02", "numbers": [1234]}}) == f"{MASK} of {MASK}"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("number: input should be valid, not 'one'", f"number: input should be valid, not {MASK}"),
        ("total: greater than 0, not -5.20; x: missing", f"total: greater than 0, not {MASK}; x: missing"),
        ("it is 93% sure, not to be posted", "it is 93% sure, not to be posted"),
    ],
)
def test_a_detail_is_masked_where_it_quotes(said: str, shown: str) -> None:
    assert letters.redaction.masked_words(said) == shown
    assert Redaction().masked_words(said) == said


def test_what_a_person_left_masked_is_put_back() -> None:
    original = {"customer": {"iban": "DE02"}, "lines": [{"text": "a"}, {"text": "b"}]}
    answered = {"customer": {"iban": MASK}, "lines": [{"text": MASK}, {"text": "c"}, {"text": "d"}]}
    assert letters.redaction.restored(answered, original) == {
        "customer": {"iban": "DE02"},
        "lines": [{"text": "a"}, {"text": "c"}, {"text": "d"}],
    }


@pytest.mark.parametrize("field", ["", "a..b", "[]", "a b", ".a", 3])
def test_a_path_that_names_no_field_is_refused(field: object) -> None:
    with pytest.raises(UsageError, match="names no field"):
        Redaction.of([field], what="redact")  # type: ignore[list-item]


def test_a_room_of_no_workflow_or_for_no_time_is_refused() -> None:
    with pytest.raises(UsageError, match="is no workflow's name"):
        DeadLetters("Not A Name")
    with pytest.raises(UsageError, match="keep 'soon' is not a duration"):
        DeadLetters("shop", keep="soon")
    with pytest.raises(UsageError, match="is one text; write a list"):
        DeadLetters("shop", redact="total")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    files = {"contracts/shop.py": CONTRACTS, "agents/shop.py": AGENTS, "saga/shop.py": SCORE, "pyproject.toml": ""}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "dlq").mkdir()
    mounted = sys.modules.get("rooms")
    yield tmp_path
    unmount_rooms()
    if mounted is not None:
        from misstep.saga.mount import mount_rooms

        mount_rooms(Path(next(iter(mounted.__path__))))


ROOM = "from misstep import DeadLetters\nletters = DeadLetters({workflow!r}, redact=['number'])\n"


def test_the_loader_reads_the_room(root: Path) -> None:
    (root / "dlq" / "shop.py").write_text(ROOM.format(workflow="shop"))
    project = load_project(root)
    assert project.letters_of("shop").redaction.masked({"number": 1}) == {"number": MASK}
    assert project.letters_of("other").repairs == {}


def test_a_room_of_an_unknown_workflow_and_a_second_room_are_refused(root: Path) -> None:
    (root / "dlq" / "shop.py").write_text(ROOM.format(workflow="shup"))
    with pytest.raises(UsageError, match=r"dlq/shop.py:2: there is no workflow 'shup' in saga/; there is: shop"):
        load_project(root)
    unmount_rooms()
    for name in ("shop", "shop_too"):
        (root / "dlq" / f"{name}.py").write_text(ROOM.format(workflow="shop"))
    with pytest.raises(
        UsageError, match=r"shop_too.py:2: the dead letters of shop are declared at .*shop.py:2 already"
    ):
        load_project(root)
