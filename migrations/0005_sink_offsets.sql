-- How far the audit sink has read, in the same transaction as the rows: what makes it exactly once.

CREATE TABLE sink_offsets (
    consumer_group text        NOT NULL,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    topic_id       text        NOT NULL,
    next_offset    bigint      NOT NULL CHECK (next_offset >= 0),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

COMMENT ON COLUMN sink_offsets.topic_id IS 'Kafka''s id of the topic: one that was deleted and made again is read from its start.';
