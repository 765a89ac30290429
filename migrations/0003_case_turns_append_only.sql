-- What is written in the audit stays as it is: nobody updates, deletes or truncates, the owner included.
-- Retention drops whole months: ALTER TABLE case_turns DETACH PARTITION case_turns_2026_01; DROP TABLE case_turns_2026_01.

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'case_turns is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'A correction is a new state version; old months go by detaching their partition.';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON case_turns
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
ALTER TABLE case_turns ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE case_turns_default ENABLE ALWAYS TRIGGER append_only;

-- TRUNCATE triggers are not inherited: each partition has its own.
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON case_turns
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
ALTER TABLE case_turns ENABLE ALWAYS TRIGGER append_only_truncate;
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON case_turns_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
ALTER TABLE case_turns_default ENABLE ALWAYS TRIGGER append_only_truncate;
