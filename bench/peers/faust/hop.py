"""faust-streaming: `hop.py BOOTSTRAP SOURCE TARGET GROUP`.

App, topics and an agent over `stream.items()` as in its user guide ("Agents", "Streams"); `processing_guarantee=
"exactly_once"`, commit interval, session and store are settings of its page "Configuration Reference".
"""

import sys
import tempfile

import faust
from loan import checked_json

bootstrap, source, target, group = sys.argv[1:]
app = faust.App(
    group,
    broker=f"kafka://{bootstrap}",
    value_serializer="raw",
    key_serializer="raw",
    processing_guarantee="exactly_once",
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=0.1,
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    topic_disable_leader=True,
    web_enabled=False,
    datadir=tempfile.mkdtemp(prefix="faust-"),
    store="memory://",
)
cases = app.topic(source, key_type=bytes, value_type=bytes)
done = app.topic(target, key_type=bytes, value_type=bytes)


@app.agent(cases)
async def check(stream):
    """One event at a time."""
    async for key, value in stream.items():
        await done.send(key=key, value=checked_json(value))


sys.argv[1:] = ["worker", "--loglevel=warn", "--without-web"]
app.main()
