"""Would a dead letter pass today? A plain function from the letter, its repair and the contract to an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from misstep.agents.bring_back import kind_of
from misstep.agents.earlier import Recall, newest_saying
from misstep.agents.event_writer import kind_headers
from misstep.agents.inbound import Delivered, opened_inbound
from misstep.agents.plan import Plan
from misstep.bus.topics import Topics
from misstep.contracts import Contract, Misfit, Reader, SchemaSource, encode
from misstep.contracts.event import OK, Headers
from misstep.contracts.letter import PREFIX
from misstep.dlq.repair import CannotRepair, Repair
from misstep.dlq.shown import json_text
from misstep.store.letters import Letter

Verdict = Literal["pass", "fail", "refused"]
UNDO_FAILED = "undo_failed"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What would come of sending a letter back."""

    verdict: Verdict
    """`pass`: its agent accepts it. `fail`: the agent would refuse it again. `refused`: it cannot be sent back."""
    why: str = ""
    fields: dict[str, JsonValue] = field(default_factory=dict)
    """What is wrong, field by field."""
    value: bytes | None = None
    """What would be sent."""
    kind: Headers = field(default_factory=list)
    """The headers that name its contract."""
    halves: bool = False
    """Its agent joins branches: what would be sent is one half for each, as they stand in the case's history."""

    @property
    def sha256(self) -> str:
        """Of what would be sent, in hex."""
        return hashlib.sha256(self.value or b"").hexdigest()


class Assessor:
    """Assesses letters of one workflow. Remembers the agents' contract readers."""

    def __init__(self, plan: Plan, topics: Topics, schemas: SchemaSource, recall: Callable[[], Recall]) -> None:
        """recall: reads earlier versions of a case; made when the first letter needs it."""
        self._plan = plan
        self._topics = topics
        self._schemas = schemas
        self._recall = recall
        self._readers: dict[str, Reader] = {}

    def assess(self, letter: Letter, repair: Repair | None) -> Assessment:
        """Would the letter pass, repaired if there is a repair? Never raises for what the letter or the repair is."""
        if why := self.why_not(letter):
            return Assessment("refused", why)
        if self._plan.agents[letter.agent].joins:
            if repair is not None:
                return Assessment("fail", f"{letter.agent} joins branches, and a repair mends one payload")
            return Assessment("pass", value=letter.value, halves=True)
        try:
            value, kind = self._given(letter)
        except LookupError as error:
            return Assessment("fail", f"what its agent was to be given is gone: {error}")
        dataschema = next((said for name, said in kind if name == "ce_dataschema"), None)
        if repair is None:
            return self._as_it_is(letter, value, kind, dataschema)
        try:
            mended = repair.apply(value, json_text(value or b"", self._schemas))
        except CannotRepair as error:
            return Assessment("fail", str(error))
        return self._mended(letter, mended, dataschema)

    def why_not(self, letter: Letter) -> str:
        """Why the letter cannot be sent back, whatever it holds; empty when it can."""
        if letter.reason == UNDO_FAILED:
            return "a failed undo is not redriven: undo the step by hand (`misstep why` says which), then discard it"
        if letter.emptied_at is not None:
            return f"its bytes were removed on {letter.emptied_at:%Y-%m-%d}: they had been kept long enough"
        agent = self._plan.agents.get(letter.agent)
        if agent is None:
            return f"{letter.agent} is no longer in the score of {self._plan.workflow}"
        return ""

    def _given(self, letter: Letter) -> tuple[bytes | None, Headers]:
        """What the agent was given, as the worker finds it: the message's own value, or an earlier version's."""
        headers = letter.header_map
        own = {name: value for name, value in headers.items() if not name.startswith(PREFIX)}
        value = letter.value
        topic, partition, offset = letter.origin_topic or "", letter.origin_partition, letter.origin_offset
        if value is None and f"{PREFIX}omitted" in headers:
            if partition is None or offset is None:
                raise LookupError("the letter does not say where it came from")
            value, _ = self._recall()(topic, partition, offset)
        message = Delivered(topic, partition or 0, offset or 0, 0, letter.key, value, list(own.items()))
        inbound = opened_inbound(self._plan, self._topics, message, own)
        names = self._plan.agents[letter.agent].accepts_names
        said = own.get("ce_type")
        if inbound.lineage.reason != OK and said is not None and said.decode("utf-8", "replace") not in names:
            value, dataschema = newest_saying(self._plan, self._topics, inbound.lineage.steps, names, self._recall())
            return value, [] if dataschema is None else [("ce_dataschema", dataschema)]
        return value, kind_of(own)

    def _as_it_is(self, letter: Letter, value: bytes | None, kind: Headers, dataschema: bytes | None) -> Assessment:
        try:
            payload = self._reader(letter.agent).read(value, dataschema)
        except Misfit as misfit:
            return _misfit(misfit)
        named = {name for name, _ in kind}
        whole = kind if {"ce_type", "ce_dataschema"} <= named else kind_headers(type(payload))
        return Assessment("pass", value=value, kind=whole)

    def _mended(self, letter: Letter, mended: bytes, dataschema: bytes | None) -> Assessment:
        """Read as what the letter was written as; where that name itself is what is wrong, as what is accepted."""
        reader = self._reader(letter.agent)
        try:
            payload: Contract = reader.read(mended, dataschema)
        except Misfit as misfit:
            if dataschema is None:
                return _misfit(misfit)
            try:
                payload = reader.read(mended, None)
            except Misfit as plain:
                return _misfit(misfit if misfit.fields else plain)
        try:
            return Assessment("pass", value=encode(payload), kind=kind_headers(type(payload)))
        except Misfit as misfit:
            return _misfit(misfit)

    def _reader(self, agent: str) -> Reader:
        reader = self._readers.get(agent)
        if reader is None:
            reader = self._readers[agent] = Reader(self._plan.agents[agent].accepts, self._schemas)
        return reader


def _misfit(misfit: Misfit) -> Assessment:
    return Assessment("fail", f"{misfit.check}: {misfit.detail}", dict(misfit.fields))
