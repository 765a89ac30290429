-- Partitions are made ahead, by migrate and by the sink, which may not create tables and asks this function.

CREATE FUNCTION ensure_case_turns_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                  WHERE c.oid = 'case_turns'::regclass);
    -- Months are those of UTC, whatever the session's time zone.
    first timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    after timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') AT TIME ZONE 'UTC';
    name text := 'case_turns_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass(format('%I.%I', home, name)) IS NOT NULL THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('misstep.case_turns.partitions', 0));
    IF to_regclass(format('%I.%I', home, name)) IS NOT NULL THEN
        RETURN true;
    END IF;
    -- A month that already has rows in the default partition stays there: they may not be moved.
    IF EXISTS (SELECT FROM case_turns_default WHERE occurred_at >= first AND occurred_at < after) THEN
        RETURN false;
    END IF;
    -- Made beside the table and then attached: readers and writers of other months are not held up.
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.case_turns INCLUDING ALL)', home, name, home);
    EXECUTE format('ALTER TABLE %I.case_turns ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)',
                   home, home, name, first, after);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I.%I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION %I.refuse_change_of_audit()', home, name, home);
    EXECUTE format('ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER append_only', home, name);
    EXECUTE format('ALTER TABLE %I.%I ENABLE ALWAYS TRIGGER append_only_truncate', home, name);
    RETURN true;
END
$$;

COMMENT ON FUNCTION ensure_case_turns_partition IS 'Makes the partition of a month; false when that month lives in the default partition.';
