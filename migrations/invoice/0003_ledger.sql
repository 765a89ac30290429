-- Double entry. An entry is written whole, in one transaction, and never touched again; what was wrong is reversed.

CREATE TABLE ledger_entries (
    entry_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace       text NOT NULL,
    idempotency_key text NOT NULL,
    case_id         text NOT NULL,
    document        text NOT NULL,
    supplier        text,
    order_number    text,
    purchased_on    date,
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reverses        bigint UNIQUE REFERENCES ledger_entries (entry_id),
    booked_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (namespace, idempotency_key)
);

CREATE TABLE ledger_lines (
    entry_id bigint NOT NULL REFERENCES ledger_entries (entry_id),
    line     smallint NOT NULL CHECK (line > 0),
    account  text NOT NULL CHECK (account <> ''),
    amount   numeric(14, 2) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, line)
);

CREATE INDEX ledger_entries_by_case ON ledger_entries (case_id);

COMMENT ON COLUMN ledger_lines.amount IS 'Debits are positive, credits negative; the lines of an entry come to zero.';
COMMENT ON COLUMN ledger_entries.idempotency_key IS 'The turn that booked it: asked for again, the same entry is given.';

-- Deferred, so that it looks when the entry is complete: at commit.
CREATE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sides int;
    sum_of_lines numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount), 0) INTO sides, sum_of_lines FROM ledger_lines WHERE entry_id = NEW.entry_id;
    IF sides < 2 THEN
        RAISE EXCEPTION 'ledger entry % has % line(s); an entry has two or more', NEW.entry_id, sides
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    IF sum_of_lines <> 0 THEN
        RAISE EXCEPTION 'ledger entry % is out of balance by %', NEW.entry_id, sum_of_lines
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_lines
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: book a reversing entry instead', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lines
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
