"""A sink in a process of its own, to be killed: bootstrap servers, DSN, namespace, workflow, instance, agents."""

from __future__ import annotations

import sys
import threading

from misstep.bus.topics import Topics
from misstep.store.sink import Sink

if __name__ == "__main__":
    bootstrap, dsn, namespace, workflow, instance, *agents = sys.argv[1:]
    Sink(bootstrap, dsn, Topics(namespace, workflow), agents, instance=instance or None).run(threading.Event())
