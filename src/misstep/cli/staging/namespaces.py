"""A namespace for each demo and drill, so that runs do not mix; and the topics of old ones, which are deleted."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

OURS = re.compile(r"(?:demo|drill)-(\d{8}-\d{6}-[0-9a-f]{4})$")
KEPT = 2
TIMEOUT_S = 10.0


def new_namespace(kind: str) -> str:
    """For a `demo` or a `drill`: named for this second (UTC), and for nobody else who starts in the same one."""
    return f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def delete_old_namespaces(admin: AdminClient) -> list[str]:
    """Delete the topics of all demos and drills but the last; returns their namespaces. The audit keeps its rows."""
    found = {name.split(".")[0] for name in admin.list_topics(timeout=TIMEOUT_S).topics}
    when = {name: match[1] for name in found if (match := OURS.match(name))}
    old = sorted(when, key=lambda name: when[name])[:-KEPT]
    for namespace in old:
        delete_namespace(admin, namespace)
    return old


def delete_namespace(admin: AdminClient, namespace: str) -> None:
    """Delete every topic of a namespace; one that cannot be deleted costs a little room until the next time."""
    topics = admin.list_topics(timeout=TIMEOUT_S).topics
    doomed = [name for name in topics if name.split(".")[0] == namespace]
    if not doomed:
        return
    for future in admin.delete_topics(doomed, operation_timeout=TIMEOUT_S).values():
        try:
            future.result()
        except KafkaException:
            continue
