"""What the audit sink tells Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

LABELS: Final = ("namespace", "workflow")

ROWS = Counter("misstep_audit_rows_total", "Events written to the audit.", LABELS)
LETTERS = Counter("misstep_audit_dead_letters_total", "Dead letters written to the audit.", LABELS)
REWRITTEN = Counter(
    "misstep_audit_careful_rows_total", "Events that could not be stored as they were and say so in their row.", LABELS
)
BATCHES = Counter("misstep_audit_batches_total", "Transactions of the audit sink.", LABELS)
BATCH_SECONDS = Histogram("misstep_audit_batch_seconds", "Duration of a transaction of the audit sink.", LABELS)
LAG_SECONDS = Gauge("misstep_audit_lag_seconds", "Age of the newest event written, while there are newer ones.", LABELS)
LAG_RECORDS = Gauge("misstep_audit_lag_records", "Offsets between the audit and the ends of its topics.", LABELS)
POSTGRES_UP = Gauge("misstep_audit_postgres_up", "1 while the audit sink reaches Postgres.", LABELS)
GONE = Counter(
    "misstep_audit_gone_total", "Offsets that Kafka had deleted before the audit sink could read them.", LABELS
)
