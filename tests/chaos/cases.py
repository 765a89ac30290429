"""The cases of the load: most go well; some wait, fail once, are refused and taken back, or end half way."""

import random
from typing import Any

from misstep.contracts import Contract

LINE: list[dict[str, list[str]]] = [
    *[{}] * 8,
    {"reserve": ["model_down", "ok"]},
    {"price": ["model_down", "model_down", "ok"]},
    {"charge": ["nap"]},
    {"charge": ["refused"]},
    {"charge": ["refused"]},
    {"charge": ["lost answer"]},
    {"charge": ["refused"], "undo reserve": ["raises", "ok"]},
    {"charge": ["refused"], "undo price": ["raises"]},
    {"confirm": ["rubric_fail"]},
]
PAIR: list[dict[str, list[str]]] = [
    *[{}] * 6,
    {"ask_bank": ["model_down", "ok"]},
    {"ask_bank": ["nap"]},
    {"decide": ["model_down", "ok"]},
    {"ask_register": ["refused"]},
    {"settle": ["refused"]},
    {"ask_bank": ["rubric_fail"]},
]


def maker(starts: type[Contract], ways: list[dict[str, list[str]]]) -> Any:
    """What makes a case of one of the ways from its number."""

    def make(number: int, chance: random.Random) -> Contract:
        return starts.model_validate({"number": number, "script": chance.choice(ways)})

    return make
