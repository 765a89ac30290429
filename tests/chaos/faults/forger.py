"""Not a fault of the list: somebody who does what the promise forbids, so that the oracle can be seen to say no."""

from __future__ import annotations

import random

from confluent_kafka import Producer

from misstep.testing.chaos import Fault
from tests.chaos.site import Site


class Forger(Fault[Site]):
    name = "forger"
    what = "somebody writes an event a second time, changes another, and adds a row to the audit: sabotage"
    seconds = 2.0

    def start(self, site: Site, chance: random.Random) -> str:
        producer = Producer({**site.cluster.insider, "log_level": 0})
        event = site.watch.latest
        assert event is not None
        for value in (event.value, (event.value or b"") + b" "):
            headers = [(name, raw) for name, raw in event.headers.items()]
            producer.produce(event.place.topic, value, event.key, headers=headers, partition=event.place.partition)
        producer.flush(10)
        return str(event.place)

    def end(self, site: Site) -> None:
        with site.database() as database:
            database.execute(
                "CREATE TEMP TABLE copied AS SELECT * FROM case_turns WHERE namespace = %s LIMIT 1", [site.namespace]
            )
            database.execute("UPDATE copied SET kafka_offset = kafka_offset + 1000000, recorded_at = now()")
            database.execute("INSERT INTO case_turns SELECT * FROM copied")
