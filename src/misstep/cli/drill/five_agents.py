"""Five agents in a row, as plain as agents can be, each with a fallback; what goes wrong is a drill's own business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from misstep.agents.agent import Agent, agent
from misstep.agents.turn import Turn
from misstep.contracts import Contract
from misstep.testing.faults import Before, faulty


class Carried(Contract):
    """What all five say: the case's number, and as much beside it as the drill wants."""

    number: int
    padding: str = ""


class Asked(Carried, name="drill.asked", version="1.0"):
    """What is published."""


class TakenIn(Carried, name="drill.taken_in", version="1.0"):
    """After `intake`."""


class Enriched(Carried, name="drill.enriched", version="1.0"):
    """After `enrich`."""


class Rated(Carried, name="drill.rated", version="1.0"):
    """After `rate`."""


class Decided(Carried, name="drill.decided", version="1.0"):
    """After `decide`."""


class Recorded(Carried, name="drill.recorded", version="1.0"):
    """After `record`: the last word."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five."""

    name: str
    takes: type[Carried]
    gives: type[Carried]

    @property
    def fallback(self) -> str:
        """The name of who stands in for it."""
        return f"{self.name}_fallback"

    def neutral(self, turn: Turn[Any]) -> Carried:
        """What goes on when the step is left out."""
        return self.gives(number=turn.payload.number, padding=turn.payload.padding)

    def agent(self, before: Before, *, budget: str, fallback: bool = False) -> Agent[Any, Any]:
        """The agent, for which each attempt begins with `before(turn)`. A ConnectionError there is a `model_down`."""
        gives = self.gives

        def act(turn: Turn[Any]) -> Carried:
            return gives(number=turn.payload.number, padding=turn.payload.padding)

        act.__name__ = self.fallback if fallback else self.name
        act.__annotations__ = {"turn": Turn[self.takes], "return": gives}  # type: ignore[name-defined]
        plain = agent(budget=budget, owner="drills", raises={ConnectionError: "model_down"})(act)
        return faulty(plain, before)


FIVE: Final = (
    Step("intake", Asked, TakenIn),
    Step("enrich", TakenIn, Enriched),
    Step("rate", Enriched, Rated),
    Step("decide", Rated, Decided),
    Step("record", Decided, Recorded),
)
CONTRACTS: Final[tuple[type[Contract], ...]] = (Asked, TakenIn, Enriched, Rated, Decided, Recorded)


def nothing(turn: Turn[Any]) -> None:
    """A turn that meets no fault."""
