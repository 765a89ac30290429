"""What one state version of a case said: read back from Kafka and proved, or as the audit has it."""

from __future__ import annotations

from dataclasses import dataclass

from misstep.errors import AnswerIsNo, ServerUnreachable
from misstep.store.case_story import CaseStory, StoryVersion
from misstep.store.connect import asking
from misstep.store.read_back import read_back
from misstep.store.stored_case_id import stored_case_id
from misstep.store.verify import forgery

PATIENCE_S = 5.0
"""For one message."""

_PAYLOAD = """
SELECT payload::text FROM case_turns
WHERE kafka_topic = %s AND kafka_partition = %s AND kafka_offset = %s AND hash = %s AND namespace = %s
"""


@dataclass(slots=True)
class Prober:
    """Proves versions one by one."""

    dsn: str
    bootstrap_servers: str | None
    """None: Kafka is not asked, and the audit is believed."""
    story: CaseStory

    def prove(self, version: StoryVersion) -> None:
        """Read the version's event back from Kafka; afterwards `version.proof` says what came of it.

        Raises AnswerIsNo for an event that is not what the audit says: its payload cannot be judged. Without Kafka, or
        when it keeps the event no longer, the audit is believed.
        """
        if self.bootstrap_servers is None or version.proof != "not read back":
            return
        place = (version.topic, version.partition, version.offset)
        try:
            message = read_back(self.bootstrap_servers, [place], timeout_s=PATIENCE_S)[place]
        except ServerUnreachable as error:
            self.story.unread_because = str(error)
            self.bootstrap_servers = None
            return
        if message is None:
            version.proof = "no longer in Kafka"
            return
        with asking(self.dsn) as connection:
            row = connection.execute(_PAYLOAD, [*place, version.hash, self.story.namespace]).fetchone()
        payload = row[0] if row is not None else None
        version.proof_detail = forgery(stored_case_id(self.story.case_id), version, payload, message)
        version.proof = "forged" if version.proof_detail else "verified"
        if version.proof == "forged":
            raise AnswerIsNo(
                f"version {version.version} of {version.agent} at {version.topic}[{version.partition}]@"
                f"{version.offset} cannot be judged: {version.proof_detail}; see `misstep why {self.story.case_id}`"
            )
