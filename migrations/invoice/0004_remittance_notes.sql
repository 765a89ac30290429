-- What suppliers are told about their booked receipts.

CREATE TABLE remittance_notes (
    note_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace       text NOT NULL,
    idempotency_key text NOT NULL,
    case_id         text NOT NULL,
    entry_id        text NOT NULL,
    supplier        text,
    body            text NOT NULL CHECK (body <> ''),
    written_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (namespace, idempotency_key)
);

CREATE INDEX remittance_notes_by_case ON remittance_notes (case_id);
