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

-- How tasks went: per five minutes (bucket) and type, how many ended and how (measure success, failure, revoked, rejected
-- or lost; bin 0), how long they waited and ran (bins of tracker_bin). Equal to a recount of the rows at any time, for each
-- row is counted as what it says, and counted anew in the transaction that changes that. Shards keep daemons out of each
-- other's way: their sum counts.
CREATE TABLE IF NOT EXISTS task_stats (
    bucket timestamptz NOT NULL,
    task_type text COLLATE "C" NOT NULL,
    measure text COLLATE "C" NOT NULL,
    bin integer NOT NULL,
    shard smallint NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT task_stats_pkey PRIMARY KEY (bucket, task_type, measure, bin, shard)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- The rows that were counted as before are counted as after; either may hold NULLs.
CREATE OR REPLACE FUNCTION stats_add(after text[], before text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    changed_rows bigint;
BEGIN
    IF after IS NULL THEN
        RETURN 0;
    END IF;
    WITH told AS (
        SELECT counted, sum(times) AS times
        FROM (SELECT unnest(after) AS counted, 1 AS times UNION ALL SELECT unnest(before), -1) e
        WHERE counted IS NOT NULL GROUP BY counted HAVING sum(times) <> 0
    ), parts AS (
        SELECT to_timestamp(300 * split_part(counted, '|', 1)::bigint) AS bucket,
            lower(split_part(counted, '|', 2)) AS state, split_part(counted, '|', 3) AS waited,
            split_part(counted, '|', 4) AS ran,
            substr(counted, length(split_part(counted, '|', 1)) + length(split_part(counted, '|', 2)) +
                            length(split_part(counted, '|', 3)) + length(split_part(counted, '|', 4)) + 5) AS task_type,
            times
        FROM told
    )
    INSERT INTO task_stats AS s (bucket, task_type, measure, bin, shard, count)
    SELECT bucket, task_type, measure, bin::integer, pg_backend_pid() % 16, sum(times)
    FROM parts CROSS JOIN LATERAL (VALUES (state, '0'), ('waited', waited), ('ran', ran)) AS m (measure, bin)
    WHERE bin <> ''
    GROUP BY bucket, task_type, measure, bin HAVING sum(times) <> 0
    ORDER BY bucket, task_type, measure, bin::integer
    ON CONFLICT (bucket, task_type, measure, bin, shard) DO UPDATE SET count = s.count + excluded.count;
    GET DIAGNOSTICS changed_rows = ROW_COUNT;
    RETURN changed_rows;
END
$$;

-- Who else changes how a task ended: verdicts, and the product by a name. The daemons' batches count by themselves.
CREATE OR REPLACE FUNCTION tracker_recount() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := tracker_counted(OLD.completed_at, OLD.celery_state, OLD.sent_at, OLD.received_at, OLD.started_at,
                                   OLD.task_type);
    after text := tracker_counted(NEW.completed_at, NEW.celery_state, NEW.sent_at, NEW.received_at, NEW.started_at,
                                  NEW.task_type);
BEGIN
    IF before IS DISTINCT FROM after THEN
        PERFORM stats_add(ARRAY[after], ARRAY[before]);
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER trackers_recount AFTER UPDATE OF lost_at, registered_name ON background_task_trackers
    FOR EACH ROW EXECUTE FUNCTION tracker_recount();

-- The sums of all shards.
CREATE OR REPLACE VIEW task_stats_seen AS
SELECT bucket, task_type, measure, bin, sum(count)::bigint AS count
FROM task_stats GROUP BY bucket, task_type, measure, bin HAVING sum(count) <> 0;
