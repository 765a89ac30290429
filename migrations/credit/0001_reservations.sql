-- Money put aside for offers. One row a key, written by whoever comes first: a reservation, or its release, which a
-- reservation that is still on its way then finds.

CREATE TABLE credit_reservations (
    reservation_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace       text NOT NULL,
    idempotency_key text NOT NULL,
    case_id         text,
    application_id  text,
    amount          numeric(12, 2) CHECK (amount > 0),
    written_at      timestamptz NOT NULL DEFAULT now(),
    released_at     timestamptz,
    UNIQUE (namespace, idempotency_key),
    CHECK ((amount IS NULL) = (case_id IS NULL) AND (amount IS NULL) = (application_id IS NULL)),
    CHECK (amount IS NOT NULL OR released_at IS NOT NULL)
);

CREATE INDEX credit_reservations_by_case ON credit_reservations (case_id);

COMMENT ON COLUMN credit_reservations.amount IS 'Euros; null: released before it was reserved, so nothing ever was.';

CREATE VIEW credit_reserved AS
SELECT namespace, count(*) AS offers, sum(amount) AS amount
FROM credit_reservations WHERE released_at IS NULL GROUP BY namespace;
