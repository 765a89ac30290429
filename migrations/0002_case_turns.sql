-- The audit: one row for each state version of each case, partitioned by month.

CREATE TABLE case_turns (
    namespace       text             NOT NULL,
    workflow        text             NOT NULL,
    case_id         text             NOT NULL,
    epoch           integer          NOT NULL,
    state_version   integer          NOT NULL,
    agent           text             NOT NULL,
    kind            text             NOT NULL CHECK (kind IN ('case', 'turn', 'undo', 'outcome', 'operator')),
    contract        text,
    failure_reason  failure_reason_t NOT NULL,
    failure_detail  text,
    route           text,
    attempts        integer,
    tries           jsonb,
    degraded        failure_reason_t,
    latency_ms      bigint,
    tokens          bigint,
    authority       text,
    evidence        jsonb,
    justification   text,
    payload         jsonb,
    build           text,
    traceparent     text,
    prev_hash       text,
    hash            text             NOT NULL,
    occurred_at     timestamptz      NOT NULL,
    recorded_at     timestamptz      NOT NULL DEFAULT clock_timestamp(),
    kafka_topic     text             NOT NULL,
    kafka_partition integer          NOT NULL,
    kafka_offset    bigint           NOT NULL
) PARTITION BY RANGE (occurred_at);

COMMENT ON TABLE case_turns IS 'Append-only: every state version, exactly once, as it stood in Kafka.';
COMMENT ON COLUMN case_turns.case_id IS 'The Kafka key; longer than 400 characters: cut, with its sha256 behind it.';
COMMENT ON COLUMN case_turns.evidence IS 'What the turn said for itself; _unreadable names what the event said that could not be stored as it was.';

-- Months to come have partitions of their own (0003); whatever says another time still has a place.
CREATE TABLE case_turns_default PARTITION OF case_turns DEFAULT;

CREATE UNIQUE INDEX case_turns_place ON case_turns (kafka_topic, kafka_partition, kafka_offset, occurred_at);
CREATE INDEX case_turns_case ON case_turns (case_id text_pattern_ops, namespace, epoch, state_version);
CREATE INDEX case_turns_failures ON case_turns (failure_reason, occurred_at) WHERE failure_reason <> 'ok';
CREATE INDEX case_turns_time ON case_turns USING brin (occurred_at);
