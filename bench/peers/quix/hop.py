"""Quix Streams, exactly once: `hop.py BOOTSTRAP SOURCE TARGET GROUP INTERVAL_MS`.

`Application`, `topic`, `dataframe`, `apply`, `to_topic` as in its quickstart; `processing_guarantee="exactly-once"` and
`commit_interval` from its pages "Configuration" and "Checkpointing" (a checkpoint is a transaction).
"""

import sys
import tempfile

from loan import checked_json
from quixstreams import Application

bootstrap, source, target, group, interval_ms = sys.argv[1:]
app = Application(
    broker_address=bootstrap,
    consumer_group=group,
    processing_guarantee="exactly-once",
    auto_offset_reset="earliest",
    commit_interval=int(interval_ms) / 1000,
    consumer_poll_timeout=int(interval_ms) / 1000,  # 1 s by default, and a checkpoint waits for it
    consumer_extra_config={"session.timeout.ms": 6000, "fetch.queue.backoff.ms": 2},
    # A stable id: the successor of a killed process ends its open transaction at once.
    producer_extra_config={"transactional.id": group},
    auto_create_topics=False,
    state_dir=tempfile.mkdtemp(prefix="quix-"),
    loglevel="WARNING",
)
stream = app.dataframe(app.topic(source, key_deserializer="bytes", value_deserializer="bytes"))
stream.apply(checked_json).to_topic(app.topic(target, key_serializer="bytes", value_serializer="bytes"))
app.run()
