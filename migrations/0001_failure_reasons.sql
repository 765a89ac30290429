-- The closed list of failure reasons, as contracts/failure.py has it, and the way to add a workflow's own names.

CREATE TYPE failure_reason_t AS ENUM (
    'ok',
    'schema_invalid',
    'compliance_fail',
    'latency_blow',
    'rubric_fail',
    'handoff_exhausted',
    'model_down',
    'authority_breach',
    'invariant_broken',
    'undo_failed',
    'agent_fault'
);

COMMENT ON TYPE failure_reason_t IS 'How a turn went. Mirrors misstep/contracts/failure.py; workflows may add names of their own.';

-- The audit sink may not alter types; it asks this function. A name cannot be taken back out of an enum, so a producer
-- that sends nonsense must not be able to fill it: well-formed names only, and no more than 64 in all.
CREATE FUNCTION add_failure_reason(reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_type t ON t.typnamespace = n.oid
                  WHERE t.oid = 'failure_reason_t'::regtype);
BEGIN
    IF reason !~ '^[a-z][a-z0-9_]{0,47}$' THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('misstep.failure_reason_t', 0));
    IF EXISTS (SELECT FROM pg_enum WHERE enumtypid = 'failure_reason_t'::regtype AND enumlabel = reason) THEN
        RETURN true;
    END IF;
    IF (SELECT count(*) FROM pg_enum WHERE enumtypid = 'failure_reason_t'::regtype) >= 64 THEN
        RETURN false;
    END IF;
    EXECUTE format('ALTER TYPE %I.failure_reason_t ADD VALUE IF NOT EXISTS %L', home, reason);
    RETURN true;
END
$$;

COMMENT ON FUNCTION add_failure_reason IS 'Adds a reason name; false when it is not well-formed or the list is full.';
