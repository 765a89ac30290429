"""FastStream on confluent-kafka: `hop.py BOOTSTRAP SOURCE TARGET GROUP one|batch`.

Subscriber, publisher and pydantic annotations as in the tutorial of its Confluent broker; batches as on its pages
"Batch Subscriber" and "Publishing in Batches", keys given by the message as on "Using a Partition Key". Acknowledgement
is the default (page "Acknowledgement"): the client commits what was read every 5 s, so a crash repeats what it did
since, and may lose what it had in hand. `AckPolicy.NACK_ON_ERROR` commits after each message or batch instead, which
was three times as slow here.
"""

import asyncio
import logging
import sys

from faststream import FastStream
from faststream.confluent import KafkaBroker, KafkaMessage, KafkaPublishMessage, KafkaResponse
from loan import Checked, Loan, checked

bootstrap, source, target, group, kind = sys.argv[1:]
broker = KafkaBroker(bootstrap, logger=None, log_level=logging.WARNING)
reading = {
    "group_id": group,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": 6000,
}

if kind == "one":

    @broker.subscriber(source, **reading)
    @broker.publisher(target)
    async def check(loan: Loan, message: KafkaMessage) -> KafkaResponse:
        """One message at a time."""
        done: Checked = checked(loan)
        return KafkaResponse(done, key=message.raw_message.key())

else:

    @broker.subscriber(source, batch=True, max_records=1_000, **reading)
    @broker.publisher(target, batch=True)
    async def check_all(loans: list[Loan], message: KafkaMessage) -> list[KafkaPublishMessage]:
        """Up to 1,000 messages at a time."""
        return [
            KafkaPublishMessage(checked(loan), key=raw.key())
            for loan, raw in zip(loans, message.raw_message, strict=True)
        ]


asyncio.run(FastStream(broker, logger=None).run())
