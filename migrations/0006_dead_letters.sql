-- Messages that exhausted their routes, byte for byte, and what is known of them.

CREATE TABLE dead_letters (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace        text             NOT NULL,
    workflow         text             NOT NULL,
    case_id          text             NOT NULL,
    epoch            integer          NOT NULL,
    state_version    integer          NOT NULL,
    agent            text             NOT NULL,
    reason           failure_reason_t NOT NULL,
    detail           text,
    fingerprint      text             NOT NULL,
    attempts         integer,
    first_failure    timestamptz      NOT NULL,
    last_failure     timestamptz      NOT NULL,
    origin_topic     text,
    origin_partition integer,
    origin_offset    bigint,
    origin_timestamp timestamptz,
    origin_group     text,
    key              bytea,
    value            bytea,
    headers          jsonb            NOT NULL,
    dlq_topic        text             NOT NULL,
    dlq_partition    integer          NOT NULL,
    dlq_offset       bigint           NOT NULL,
    dlq_timestamp    timestamptz      NOT NULL,
    recorded_at      timestamptz      NOT NULL DEFAULT clock_timestamp(),
    trail            jsonb            NOT NULL DEFAULT '[]',
    UNIQUE (dlq_topic, dlq_partition, dlq_offset, dlq_timestamp)
);

COMMENT ON COLUMN dead_letters.headers IS 'Every header in its order, as [name, base64 of its bytes or null].';
COMMENT ON COLUMN dead_letters.trail IS 'What was done with it since: redrives, answers, redactions.';

CREATE INDEX dead_letters_alike ON dead_letters (namespace, workflow, fingerprint);
CREATE INDEX dead_letters_case ON dead_letters (case_id text_pattern_ops, namespace);
CREATE INDEX dead_letters_time ON dead_letters (last_failure);
