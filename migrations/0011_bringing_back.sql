-- What becomes of dead letters and escalated cases: plans to redrive them, who answers what, who brought a case back.

ALTER TABLE dead_letters ADD COLUMN closed_at timestamptz;
ALTER TABLE dead_letters ADD COLUMN emptied_at timestamptz;

COMMENT ON COLUMN dead_letters.closed_at IS 'When it was brought back or discarded, as the trail says; null: it waits.';
COMMENT ON COLUMN dead_letters.emptied_at IS 'When its bytes were removed because they had been kept long enough.';

CREATE INDEX dead_letters_waiting ON dead_letters (namespace, last_failure DESC, id DESC) WHERE closed_at IS NULL;
CREATE INDEX dead_letters_all ON dead_letters (namespace, last_failure DESC, id DESC);
-- Grouping reads this index and nothing else, however large the letters are.
CREATE INDEX dead_letters_groups ON dead_letters (namespace, workflow, agent, reason, fingerprint)
    INCLUDE (first_failure, last_failure, id) WHERE closed_at IS NULL;

-- The manual queue is read off the outcomes: few among many.
CREATE INDEX case_turns_escalated ON case_turns (namespace, occurred_at DESC)
    WHERE kind = 'outcome' AND payload ->> 'outcome' = 'escalated';

-- One row for each life that somebody gave a case. Its key decides between two who would do it at once.
CREATE TABLE case_returns (
    namespace  text        NOT NULL,
    workflow   text        NOT NULL,
    case_id    text        NOT NULL,
    epoch      integer     NOT NULL CHECK (epoch > 0),
    how        text        NOT NULL CHECK (how IN ('redrive', 'answer')),
    plan       text,
    letter     bigint,
    actor      text        NOT NULL,
    reason     text        NOT NULL,
    ops_from   bigint      NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    PRIMARY KEY (namespace, workflow, case_id, epoch)
);

COMMENT ON COLUMN case_returns.epoch IS 'The new life: one more than the one that ended.';
COMMENT ON COLUMN case_returns.ops_from IS 'Whether it was sent stands in {ns}.ops, at this offset or later.';
COMMENT ON COLUMN case_returns.sent_at IS 'When its transaction was known to be committed; null: it is to be looked up.';

CREATE INDEX case_returns_plan ON case_returns (plan) WHERE plan IS NOT NULL;

CREATE TABLE redrive_plans (
    id         text        PRIMARY KEY,
    namespace  text        NOT NULL,
    workflow   text        NOT NULL,
    selection  jsonb       NOT NULL,
    repair     text,
    repair_sha text,
    contracts  jsonb       NOT NULL,
    score      text        NOT NULL,
    build      text        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text,
    reason     text,
    started_at timestamptz,
    watch_from jsonb,
    ended_at   timestamptz,
    ending     text,
    stopped    text
);

COMMENT ON COLUMN redrive_plans.contracts IS 'What each agent accepted when it was made, by sha256: if that has changed, it is stale.';
COMMENT ON COLUMN redrive_plans.actor IS 'Who replays it, or did; null: nobody yet.';
COMMENT ON COLUMN redrive_plans.watch_from IS 'Where the agents'' topics ended before the first letter was sent.';
COMMENT ON COLUMN redrive_plans.ending IS 'done or abandoned; null: it can be replayed, or gone on with.';

CREATE INDEX redrive_plans_newest ON redrive_plans (namespace, made_at DESC);

CREATE TABLE redrive_letters (
    plan     text    NOT NULL REFERENCES redrive_plans (id),
    letter   bigint  NOT NULL REFERENCES dead_letters (id),
    position integer NOT NULL,
    verdict  text    NOT NULL CHECK (verdict IN ('pass', 'fail', 'refused')),
    why      text,
    fields   jsonb,
    value_sha text,
    epoch    integer,
    state    text    CHECK (state IN ('sent', 'went well', 'failed again', 'refused')),
    said     text,
    at       timestamptz,
    PRIMARY KEY (plan, letter)
);

COMMENT ON COLUMN redrive_letters.value_sha IS 'sha256 of the payload that was validated, and is to be sent.';
COMMENT ON COLUMN redrive_letters.state IS 'What came of it; null: it was not sent.';

CREATE INDEX redrive_letters_order ON redrive_letters (plan, position);

-- Who is at work on an escalated case.
CREATE TABLE queue_claims (
    namespace   text        NOT NULL,
    workflow    text        NOT NULL,
    case_id     text        NOT NULL,
    epoch       integer     NOT NULL,
    actor       text        NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    stolen_from text,
    PRIMARY KEY (namespace, workflow, case_id, epoch)
);

DO $$
DECLARE
    home text := (SELECT nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
                  WHERE c.oid = 'case_turns'::regclass);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_operator') THEN
        BEGIN
            CREATE ROLE misstep_operator NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- made at this moment for another database of the same server
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'role misstep_operator may not be created by %; have an administrator create it and run the grants of migrations/0011_bringing_back.sql', current_user;
        END;
    END IF;

    REVOKE ALL ON case_returns, redrive_plans, redrive_letters, queue_claims FROM PUBLIC;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_operator') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO misstep_operator', home);
        GRANT SELECT ON case_turns, dead_letters, sink_offsets, cases, failure_taxonomy TO misstep_operator;
        GRANT UPDATE (trail, closed_at, emptied_at, key, value, headers) ON dead_letters TO misstep_operator;
        GRANT SELECT, INSERT, UPDATE ON redrive_plans, redrive_letters TO misstep_operator;
        GRANT SELECT, INSERT, UPDATE, DELETE ON case_returns, queue_claims TO misstep_operator;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'misstep_reader') THEN
        GRANT SELECT ON case_returns, redrive_plans, redrive_letters, queue_claims TO misstep_reader;
    END IF;
END
$$;
