-- One row for each life of a case: how it stands, or how it ended.

CREATE VIEW cases AS
SELECT
    namespace,
    workflow,
    case_id,
    epoch,
    (array_agg(payload ->> 'outcome' ORDER BY occurred_at, kafka_offset) FILTER (WHERE kind = 'outcome'))[1]
        AS outcome,
    (array_agg(payload ->> 'failure_reason' ORDER BY occurred_at, kafka_offset) FILTER (WHERE kind = 'outcome'))[1]
        AS failure_reason,
    (array_agg(payload ->> 'agent' ORDER BY occurred_at, kafka_offset) FILTER (WHERE kind = 'outcome'))[1]
        AS agent,
    (array_agg(payload ->> 'detail' ORDER BY occurred_at, kafka_offset) FILTER (WHERE kind = 'outcome'))[1]
        AS detail,
    min(occurred_at) AS started_at,
    min(occurred_at) FILTER (WHERE kind = 'outcome') AS ended_at,
    max(occurred_at) AS last_at,
    count(*) FILTER (WHERE kind = 'turn') AS turns,
    count(*) FILTER (WHERE kind = 'turn' AND failure_reason <> 'ok') AS failures,
    count(*) FILTER (WHERE kind = 'undo') AS undos,
    coalesce(bool_or(degraded IS NOT NULL), false) AS degraded,
    (array_agg(agent ORDER BY state_version DESC, occurred_at DESC) FILTER (WHERE kind <> 'outcome'))[1]
        AS last_agent,
    (array_agg(failure_reason ORDER BY state_version DESC, occurred_at DESC) FILTER (WHERE kind <> 'outcome'))[1]
        AS last_reason,
    (array_agg(route ORDER BY state_version DESC, occurred_at DESC) FILTER (WHERE kind <> 'outcome'))[1]
        AS last_route
FROM case_turns
GROUP BY namespace, workflow, case_id, epoch;

COMMENT ON VIEW cases IS 'One row per case and epoch; outcome is null while it runs.';
