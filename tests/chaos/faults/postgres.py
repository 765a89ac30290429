"""Faults of Postgres."""

from __future__ import annotations

import random
import time

import psycopg

from misstep.testing.chaos import Fault
from tests.chaos.site import Site

CHILDREN = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'case_turns'::regclass"
COPYING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ILIKE 'copy%'"


class KillInCopy(Fault[Site]):
    name = "kill-postgres-in-copy"
    what = "kill -9 of Postgres while the sink's COPY is under way"
    touches = frozenset({"postgres"})
    seconds = 4.0

    def start(self, site: Site, chance: random.Random) -> str:
        copying = 0
        with site.database() as holder, site.database() as looker:
            holder.autocommit = False
            # The rows wait for the lock; until they are through, the COPY is under way.
            for (name,) in holder.execute(CHILDREN).fetchall():
                holder.execute(psycopg.sql.SQL("LOCK TABLE {} IN SHARE MODE").format(psycopg.sql.SQL(name)))
            until = time.monotonic() + 10
            while not copying and time.monotonic() < until:
                copying = looker.execute(COPYING).fetchone()[0]
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.5))
            site.postgres.kill()
            holder.close()
        return f"{copying} COPY under way"

    def end(self, site: Site) -> None:
        site.postgres.start()


class PausePostgres(Fault[Site]):
    name = "pause-postgres"
    what = "Postgres is frozen: connections stay open and nothing answers"
    touches = frozenset({"postgres"})
    seconds = 10.0

    def start(self, site: Site, chance: random.Random) -> str:
        site.postgres.pause()
        return "Postgres"

    def end(self, site: Site) -> None:
        site.postgres.resume()


class RestartPostgres(Fault[Site]):
    name = "restart-postgres"
    what = "Postgres is stopped, stays away, and is started again"
    touches = frozenset({"postgres"})
    seconds = 5.0

    def start(self, site: Site, chance: random.Random) -> str:
        site.postgres.stop()
        return "Postgres"

    def end(self, site: Site) -> None:
        site.postgres.start()
