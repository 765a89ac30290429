-- What went wrong, where and under which build, hour by hour; sum over what you do not ask for.

CREATE VIEW failure_taxonomy AS
SELECT
    namespace,
    workflow,
    date_trunc('hour', occurred_at) AS hour,
    agent,
    failure_reason,
    degraded,
    build,
    count(*) AS turns
FROM case_turns
WHERE kind <> 'outcome' AND (failure_reason <> 'ok' OR degraded IS NOT NULL)
GROUP BY namespace, workflow, date_trunc('hour', occurred_at), agent, failure_reason, degraded, build;

COMMENT ON VIEW failure_taxonomy IS 'Failed and degraded turns by hour, agent, reason and build.';
