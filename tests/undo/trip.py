"""A choreography that can be taken back: three things are held, then paid for; paying fails on command."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Literal

from pydantic import Field

from misstep import Choreography, Contract, Failure, Turn, Undo, agent, compensate, dead_letter, retry

JOURNAL = "MISSTEP_TEST_JOURNAL"
"""Names the file where effects are written, a line each: what was done or undone, in which case, by which key."""


class Wish(Contract, name="trip.wish", version="1.0"):
    """What a case asks for: `script` says how attempts of agents and undos go."""

    number: int = Field(ge=0)
    script: dict[str, list[str]] = Field(default_factory=dict)
    padding: str = ""


class Seat(Contract, name="trip.seat", version="1.0"):
    """After `hold_seat`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)
    padding: str = ""


class Room(Contract, name="trip.room", version="1.0"):
    """After `hold_room`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Car(Contract, name="trip.car", version="1.0"):
    """After `hold_car`."""

    number: int
    script: dict[str, list[str]] = Field(default_factory=dict)


class Paid(Contract, name="trip.paid", version="1.0"):
    """After `pay`."""

    number: int


class Released(Contract, name="trip.released", version="1.0"):
    """What an undo answers."""

    key: str


def write(what: str, step: str, case_id: str, key: str) -> None:
    """Note an effect, if anybody wants to know: one line, appended in one call."""
    path = os.environ.get(JOURNAL)
    if path:
        line = json.dumps({"what": what, "step": step, "case": case_id, "key": key}) + "\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line.encode())
        os.close(handle)


def journal(path: Path) -> list[dict[str, str]]:
    """What was done and undone so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def said(script: dict[str, list[str]], name: str, attempt: int) -> str:
    """What the script says of this attempt; `ok` when it says nothing."""
    steps = script.get(name, [])
    return steps[min(attempt, len(steps)) - 1] if steps else "ok"


@agent(budget="2s", owner="desk", effect="holds a seat")
def hold_seat(turn: Turn[Wish]) -> Seat:
    """Holds a seat."""
    write("do", "hold_seat", turn.case_id, turn.idempotency_key)
    return Seat(number=turn.payload.number, script=turn.payload.script, padding=turn.payload.padding)


@agent(budget="2s", owner="desk", effect="holds a room")
async def hold_room(turn: Turn[Seat]) -> Room | Failure[Literal["model_down"]]:
    """Holds a room."""
    if said(turn.payload.script, "hold_room", turn.attempt) == "model_down":
        return turn.fail("model_down", "no answer")
    write("do", "hold_room", turn.case_id, turn.idempotency_key)
    return Room(number=turn.payload.number, script=turn.payload.script)


@agent(budget="2s", owner="garage", effect="holds a car")
def hold_car(turn: Turn[Room]) -> Car:
    """Holds a car."""
    write("do", "hold_car", turn.case_id, turn.idempotency_key)
    return Car(number=turn.payload.number, script=turn.payload.script)


@agent(budget="1s", owner="till", effect="takes money")
async def pay(turn: Turn[Car]) -> Paid | Failure[Literal["compliance_fail", "model_down"]]:
    """Takes the money, or says why it cannot."""
    match said(turn.payload.script, "pay", turn.attempt):
        case "refused":
            return turn.fail("compliance_fail", "the card is stolen", number=turn.payload.number)
        case "lost answer":
            write("do", "pay", turn.case_id, turn.idempotency_key)
            return turn.fail("model_down", "the till did not answer")
        case "nap":
            await asyncio.sleep(0.3)
    write("do", "pay", turn.case_id, turn.idempotency_key)
    return Paid(number=turn.payload.number)


trip = Choreography("trip", starts=Wish, deadline="5m", handoffs=1)
trip.on(hold_seat, waive="nothing of its own can fail")
trip.on(hold_room, model_down=compensate)
trip.on(hold_car, waive="nothing of its own can fail")
trip.on(pay, compliance_fail=compensate, model_down=retry(1) | compensate, agent_fault=dead_letter)


async def take_back(undo: Undo[Wish, Seat] | Undo[Seat, Room] | Undo[Room, Car] | Undo[Car, Paid]) -> Released:
    """What every undo here does."""
    assert undo.failure.reason
    match said(undo.input.script, f"undo {undo.agent}", undo.attempt):
        case "raises":
            raise RuntimeError("the desk is closed")
        case "hangs":
            await asyncio.sleep(60)
        case "blocks":
            time.sleep(0.2)
    write("undo", undo.agent, undo.case_id, undo.idempotency_key)
    if said(undo.input.script, f"undo {undo.agent}", undo.attempt) == "dies":
        die_once(f"undo-{undo.case_id}")
    return Released(key=undo.idempotency_key)


def die_once(what: str) -> None:
    """End this process as a crash would, the first time that anybody comes here."""
    marker = Path(os.environ[JOURNAL] + f".{what}")
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@trip.undo(hold_seat, tries=retry(3, first="20ms"))
async def release_seat(undo: Undo[Wish, Seat]) -> Released | None:
    """Gives the seat back."""
    return await take_back(undo)


@trip.undo(hold_room, tries=retry(3, first="20ms"))
async def release_room(undo: Undo[Seat, Room]) -> Released | None:
    """Gives the room back."""
    return await take_back(undo)


@trip.undo(hold_car, tries=retry(2, first="20ms"))
async def release_car(undo: Undo[Room, Car]) -> Released | None:
    """Gives the car back."""
    return await take_back(undo)


@trip.undo(pay)
async def refund(undo: Undo[Car, Paid]) -> Released | None:
    """Gives the money back, if any was taken: `output` is None when paying failed."""
    return await take_back(undo)
