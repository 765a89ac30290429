-- Counting how turns went in a stretch of time (`misstep taxonomy`) reads this index and nothing else: about 90 bytes a
-- row instead of its whole page. Ten million rows, a day of 350,000: 0.1 s instead of 0.5 s.
--
-- Building it holds the audit sink up, about ten seconds for ten million rows; its events stay in Kafka meanwhile.

CREATE INDEX case_turns_counts ON case_turns (occurred_at)
    INCLUDE (namespace, workflow, failure_reason, agent, kind, build, degraded);
