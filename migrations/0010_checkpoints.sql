-- What the steps of a turn came to (`turn.step`), so that a crash or a retry does not run them again. The audit sink
-- takes a case's rows away in the transaction that writes its outcome.
--
-- turn is the turn's idempotency key. The epoch is part of the key: a case that is brought back may come with another
-- payload, under the same idempotency key, and what its former life remembered is none of its business.
-- value is json and not jsonb: the text is given back as it was written, the order of its keys and \u0000 included.

CREATE TABLE checkpoints (
    namespace text NOT NULL,
    turn      text NOT NULL,
    epoch     integer NOT NULL,
    step      text NOT NULL,
    workflow  text NOT NULL,
    case_id   text NOT NULL,
    function  text NOT NULL,
    value     json NOT NULL,
    saved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, turn, epoch, step)
);

CREATE INDEX checkpoints_by_case ON checkpoints (namespace, workflow, case_id, epoch);

-- As in 0009_roles.sql: the worker remembers and looks up, the sink takes away, readers read.
DO $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                  WHERE c.oid = 'checkpoints'::regclass);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_worker') THEN
        BEGIN
            CREATE ROLE misstep_worker NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- made at this moment for another database of the same server
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role misstep_worker may not be created by %; have an administrator create it and run the grants of migrations/0010_checkpoints.sql', current_user;
        END;
    END IF;

    REVOKE ALL ON checkpoints FROM PUBLIC;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_worker') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO misstep_worker', home);
        GRANT SELECT, INSERT, DELETE ON checkpoints TO misstep_worker;
        BEGIN
            EXECUTE format('GRANT misstep_worker TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
            RAISE NOTICE 'role misstep_worker may not be granted to %; workers will remember steps as the user that they log in as', current_user;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_sink') THEN
        GRANT SELECT, DELETE ON checkpoints TO misstep_sink;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_reader') THEN
        GRANT SELECT ON checkpoints TO misstep_reader;
    END IF;
END
$$;
