"""Waiting until the audit has everything of a namespace."""

from __future__ import annotations

import time

from misstep.store.connect import asking

POLL_S = 0.1

GAPS_SQL = """
SELECT (SELECT count(*) FROM case_turns WHERE namespace = %(namespace)s AND kind = 'outcome'),
       (SELECT count(*) FROM (
            SELECT 1 FROM case_turns WHERE namespace = %(namespace)s
            GROUP BY workflow, case_id, epoch HAVING count(DISTINCT state_version) <= max(state_version)
        ) AS gaps)
"""


def await_audit(dsn: str, namespace: str, outcomes: int, within_s: float) -> bool:
    """Wait until every outcome is recorded and no case has a gap in its versions; whether that came in time."""
    until = time.monotonic() + within_s
    with asking(dsn) as connection:
        while True:
            row = connection.execute(GAPS_SQL, {"namespace": namespace}).fetchone()
            if row is not None and row[0] >= outcomes and row[1] == 0:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)
