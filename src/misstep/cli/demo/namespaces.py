"""A namespace for each demo, so that runs do not mix; and the topics of old ones, which are deleted."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

OF_A_DEMO = re.compile(r"demo-\d{8}-\d{6}-[0-9a-f]{4}\.")
KEPT = 2
TIMEOUT_S = 10.0


def new_namespace() -> str:
    """Named for this second (UTC), and for nobody else who starts in the same one."""
    return f"{datetime.now(UTC):demo-%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def delete_old_demos(admin: AdminClient) -> list[str]:
    """Delete the topics of all demos but the last ones, and return their namespaces; the audit keeps its rows."""
    topics = [name for name in admin.list_topics(timeout=TIMEOUT_S).topics if OF_A_DEMO.match(name)]
    old = sorted({name.split(".")[0] for name in topics})[:-KEPT]
    doomed = [name for name in topics if name.split(".")[0] in old]
    if doomed:
        for future in admin.delete_topics(doomed, operation_timeout=TIMEOUT_S).values():
            try:
                future.result()
            except KafkaException:
                continue  # it costs a little room until the next demo
    return old
