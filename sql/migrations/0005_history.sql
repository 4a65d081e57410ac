-- What operators keep of how tasks went: every setback, and failures of one kind together.

-- A setback of a task, by its event: a set that only grows, in any order of arrival. A task that succeeds at its first
-- attempt has none. They go with their task's row.
CREATE TABLE IF NOT EXISTS task_attempts (
    task_id text COLLATE "C" NOT NULL,
    ended_at timestamptz NOT NULL,
    kind text COLLATE "C" NOT NULL,                 -- retried, failed, rejected, requeued, revoked, cancelled, lost
    worker text COLLATE "C" NOT NULL DEFAULT '',
    error text COLLATE "C",
    traceback text COLLATE "C",
    fingerprint text COLLATE "C",
    digest text COLLATE "C" NOT NULL GENERATED ALWAYS AS (md5(coalesce(error, '') || ':' || coalesce(traceback, '')))
        STORED,
    CONSTRAINT task_attempts_pkey PRIMARY KEY (task_id, ended_at, kind, worker, digest)
);
CREATE INDEX IF NOT EXISTS task_attempts_fingerprint ON task_attempts (fingerprint, ended_at DESC)
    WHERE fingerprint IS NOT NULL;

-- Failures of one kind: the exception's class and the deepest frames of the product's own. One that was resolved is open
-- again when it happens after that.
CREATE TABLE IF NOT EXISTS failures (
    fingerprint text COLLATE "C" NOT NULL,
    exception text NOT NULL,                        -- the class
    place text NOT NULL,                            -- the deepest frame, "" where no traceback told
    sample text,                                    -- the latest error
    count bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    companies text[] NOT NULL DEFAULT '{}',         -- at most 100
    versions text[] NOT NULL DEFAULT '{}',          -- of the workers' Celery, at most 100
    task_types text[] NOT NULL DEFAULT '{}',        -- at most 100
    resolved_at timestamptz,
    resolved_by text,
    is_open boolean GENERATED ALWAYS AS (resolved_at IS NULL OR last_seen_at > resolved_at) STORED,
    CONSTRAINT failures_pkey PRIMARY KEY (fingerprint)
);
CREATE INDEX IF NOT EXISTS failures_seen ON failures (last_seen_at DESC);

-- What is in either, without doubles, at most 100.
CREATE OR REPLACE FUNCTION texts_united(a text[], b text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT ARRAY(SELECT DISTINCT item FROM unnest(a || b) item WHERE item IS NOT NULL ORDER BY item LIMIT 100)
$$;

-- A verdict is a setback too, whoever gives it.
CREATE OR REPLACE FUNCTION tracker_note_loss() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO task_attempts (task_id, ended_at, kind, worker, error)
    VALUES (NEW.task_id, NEW.lost_at, 'lost', coalesce(NEW.worker, ''), NEW.lost_reason)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER trackers_note_loss AFTER UPDATE OF lost_at ON background_task_trackers
    FOR EACH ROW WHEN (NEW.lost_at IS NOT NULL AND NEW.lost_at IS DISTINCT FROM OLD.lost_at)
    EXECUTE FUNCTION tracker_note_loss();

CREATE OR REPLACE FUNCTION tracker_forget_attempts() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM task_attempts a USING gone WHERE a.task_id = gone.task_id;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER trackers_forget_attempts AFTER DELETE ON background_task_trackers
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tracker_forget_attempts();

-- The attempts of tasks as people see them: each with the start that came before its end.
CREATE OR REPLACE VIEW task_attempts_seen AS
SELECT a.task_id, (SELECT max(start) FROM unnest(coalesce(t.starts, ARRAY[t.began_at])) start
                   WHERE start <= a.ended_at) AS began_at,
    a.ended_at, a.kind, nullif(a.worker, '') AS worker, a.error, a.traceback, a.fingerprint
FROM task_attempts a JOIN background_task_trackers t USING (task_id);
