-- Who may do what: the sink adds rows, readers read. Both are group roles without login; grant them to your users.
-- Where roles may not be created (some managed servers) everything works as the migrating user; a notice says so.

DO $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                  WHERE c.oid = 'case_turns'::regclass);
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['misstep_sink', 'misstep_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- made at this moment for another database of the same server
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'role % may not be created by %; have an administrator create it and run the grants of migrations/0009_roles.sql', wanted, current_user;
            END;
        END IF;
    END LOOP;

    REVOKE ALL ON case_turns, case_turns_default, sink_offsets, dead_letters FROM PUBLIC;
    REVOKE ALL ON FUNCTION add_failure_reason(text), ensure_case_turns_partition(date) FROM PUBLIC;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_sink') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO misstep_sink', home);
        GRANT SELECT, INSERT ON case_turns, dead_letters TO misstep_sink;
        GRANT SELECT, INSERT, UPDATE ON sink_offsets TO misstep_sink;
        GRANT EXECUTE ON FUNCTION add_failure_reason(text), ensure_case_turns_partition(date) TO misstep_sink;
        BEGIN
            EXECUTE format('GRANT misstep_sink TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
            RAISE NOTICE 'role misstep_sink may not be granted to %; the sink will run as the user that it logs in as', current_user;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_reader') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO misstep_reader', home);
        GRANT SELECT ON case_turns, dead_letters, sink_offsets, cases, failure_taxonomy TO misstep_reader;
    END IF;
END
$$;

-- The functions that act for the sink run as their owner: they look names up where they were made and nowhere else.
DO $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                  WHERE c.oid = 'case_turns'::regclass);
BEGIN
    EXECUTE format('ALTER FUNCTION add_failure_reason(text) SET search_path = %I, pg_temp', home);
    EXECUTE format('ALTER FUNCTION ensure_case_turns_partition(date) SET search_path = %I, pg_temp', home);
END
$$;
