"""The models behind the two drafters, and faults on purpose for the drills. Which model each is, the wiring says."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, fields

from misstep.errors import UsageError
from misstep.models import Answer, Model, ModelDown, ModelNonsense, Prompt
from misstep.models.model import A


@dataclass(frozen=True, slots=True)
class Drafter:
    """A model in a role."""

    model: Model


class PrimaryDrafter(Drafter):
    """Who writes first."""


class FallbackDrafter(Drafter):
    """Who writes when the first could not, or not well enough."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What share of the fines a fault hits, 0 to 1, and the seed that chooses."""

    seed: int = 0
    down: float = 0.0
    """The model does not answer."""
    slow: float = 0.0
    """It takes longer than anyone waits."""
    nonsense: float = 0.0
    """It answers something that is no letter, whatever the prompt."""
    careless: float = 0.0
    """It does so the first time, and keeps to the strict prompt."""

    def hits(self, fault: str, fine_id: str) -> bool:
        """Whether a fault hits a fine; the same seed always says the same."""
        share: float = getattr(self, fault)
        drawn = hashlib.blake2b(f"{self.seed}/{fault}/{fine_id}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2**64


def parse_faults(text: str, *, what: str) -> Faults:
    """Faults as OUTREACH_PRIMARY_FAULTS writes them: "seed=7,down=0.1,slow=0.05". UsageError, naming `what`."""
    given: dict[str, float] = {}
    known = [field.name for field in fields(Faults)]
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            number = given[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"{what}: {part!r} is not name=number, as in 'seed=7,down=0.1'.") from None
        if name.strip() not in known:
            raise UsageError(f"{what}: there is no fault {name.strip()!r}; there are {', '.join(known)}.")
        if name.strip() != "seed" and not 0 <= number <= 1:
            raise UsageError(f"{what}: {part} is no share; give one from 0 to 1.")
    return Faults(**{**given, "seed": int(given.get("seed", 0))})  # type: ignore[arg-type]


class FaultyModel:
    """A model that fails for chosen fines."""

    def __init__(self, model: Model, faults: Faults, *, slow_s: float = 30.0) -> None:
        self._model = model
        self._faults = faults
        self._slow_s = slow_s

    async def ask(self, prompt: Prompt, *, answers: type[A], attempt: int = 1) -> Answer[A]:
        fine = str(getattr(prompt.facts, "fine_id", ""))
        if self._faults.hits("down", fine):
            raise ModelDown("faulty", "it does not answer (a fault on purpose)")
        if self._faults.hits("slow", fine):
            await asyncio.sleep(self._slow_s)
        careless = attempt == 1 and self._faults.hits("careless", fine)
        if careless or self._faults.hits("nonsense", fine):
            said = "Certainly! Here is your letter."
            raise ModelNonsense("faulty", answers.__name__, {"(whole)": "it is no JSON (a fault on purpose)"}, said)
        return await self._model.ask(prompt, answers=answers, attempt=attempt)
