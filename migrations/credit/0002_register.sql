-- The credit register: an application stands in it once, whatever cases say so.

CREATE TABLE credit_register (
    entry_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace       text NOT NULL,
    idempotency_key text NOT NULL,
    case_id         text,
    application_id  text,
    amount          numeric(12, 2) CHECK (amount > 0),
    written_at      timestamptz NOT NULL DEFAULT now(),
    withdrawn_at    timestamptz,
    UNIQUE (namespace, idempotency_key),
    CHECK ((amount IS NULL) = (case_id IS NULL) AND (amount IS NULL) = (application_id IS NULL)),
    CHECK (amount IS NOT NULL OR withdrawn_at IS NOT NULL)
);

CREATE UNIQUE INDEX credit_register_once ON credit_register (namespace, application_id) WHERE withdrawn_at IS NULL;
CREATE INDEX credit_register_by_case ON credit_register (case_id);
