"""Faults that the invoice workflow's wiring makes on purpose, and whom they meet."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

from misstep.composition import Environment
from misstep.errors import UsageError

SLOW = 0.04
ORDERS_DOWN = 0.1


@dataclass(frozen=True)
class WiredFaults:
    """`variable` goes into the agents' environment as INVOICE_FAULTS."""

    variable: str
    slow: tuple[str, ...]
    """Receipts for which the model takes longer than anyone waits."""
    orders_down: float
    """Share of the suppliers for which the register of purchase orders is down."""


def wired_faults(env: Environment, seed: int, receipt_ids: Iterable[str]) -> WiredFaults:
    """The faults of a seed. UsageError when the project's invoice workflow makes none."""
    assert env.project  # mounts the rooms
    try:
        parse = importlib.import_module("rooms.agents.invoice_faults").parse_faults
    except ImportError:
        raise UsageError(
            f"{env.project.root} has no agents/invoice_faults.py: `misstep demo` runs the invoice workflow of "
            "Misstep's own repository; run it there."
        ) from None
    variable = f"seed={seed},slow={SLOW},orders_down={ORDERS_DOWN}"
    faults = parse(variable)
    return WiredFaults(variable, tuple(one for one in receipt_ids if faults.hits("slow", one)), ORDERS_DOWN)
