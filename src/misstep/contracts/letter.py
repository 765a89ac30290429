"""The dead letter's envelope: what stands beside a message that exhausted its routes.

Key, value and headers of the message stay byte for byte what they were; the envelope is added as headers of its own,
all beginning with `dlq_`, and is never overwritten: a message that dies again keeps its first origin.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from misstep.contracts.event import Headers

PREFIX = "dlq_"

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_HEX = re.compile(r"\b(?:0x)?(?=[0-9a-f-]*\d)[0-9a-f-]{8,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def normalised(detail: str) -> str:
    """A failure detail without what differs from case to case: quoted texts, ids and numbers."""
    return _NUMBER.sub("#", _HEX.sub("#", _QUOTED.sub("'…'", detail))).strip().lower()


def letter_fingerprint(reason: str, agent: str, detail: str) -> str:
    """Groups like with like: 16 hex digits over reason, agent and normalised detail."""
    return hashlib.sha256(f"{reason}\0{agent}\0{normalised(detail)}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Why a message is dead, and where it came from."""

    case_id: str
    epoch: int
    version: int
    """State version of the failure that killed it."""
    agent: str
    reason: str
    detail: str
    attempts: int
    first_failure: str
    """RFC 3339, UTC."""
    last_failure: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    group: str

    def headers(self) -> Headers:
        """The envelope as headers, to be appended to the message's own."""
        return [
            ("dlq_caseid", self.case_id.encode()),
            ("dlq_epoch", b"%d" % self.epoch),
            ("dlq_version", b"%d" % self.version),
            ("dlq_agent", self.agent.encode()),
            ("dlq_reason", self.reason.encode()),
            ("dlq_detail", self.detail.encode("utf-8", "backslashreplace")),
            ("dlq_fingerprint", letter_fingerprint(self.reason, self.agent, self.detail).encode()),
            ("dlq_attempts", b"%d" % self.attempts),
            ("dlq_firstfailure", self.first_failure.encode()),
            ("dlq_lastfailure", self.last_failure.encode()),
            ("dlq_topic", self.topic.encode()),
            ("dlq_partition", b"%d" % self.partition),
            ("dlq_offset", b"%d" % self.offset),
            ("dlq_timestamp", b"%d" % self.timestamp_ms),
            ("dlq_group", self.group.encode()),
        ]
