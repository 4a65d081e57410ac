-- What the bridge knows besides tasks: workers, what could not be used, its own instances and what was done.

-- A worker's node by its name, at the broker and vhost where it is heard (source): two applications may well have
-- workers of one name. Values are those of the event with the greatest stamp (seen_at).
CREATE TABLE IF NOT EXISTS celery_workers (
    source text COLLATE "C" NOT NULL DEFAULT coalesce(current_setting('taskbridge.source', true), ''),
    hostname text COLLATE "C",
    online_at timestamptz,
    heartbeat_at timestamptz,
    offline_at timestamptz,
    seen_at timestamptz,                            -- greatest stamp of its worker events
    heard_at timestamptz,                           -- greatest time of receipt of any event of this host, tasks' too
    skew_us bigint,                                 -- time of receipt less stamp, of the event at seen_at
    pid bigint,
    freq_seconds double precision,
    counted_at timestamptz,                         -- greatest stamp of an event with the following three
    active bigint,
    processed bigint,
    loadavg double precision[],
    sw_ident text COLLATE "C",
    sw_ver text COLLATE "C",
    sw_sys text COLLATE "C",
    queues text[],                                  -- that it takes tasks from, as it said at queues_at
    queues_at timestamptz,
    PRIMARY KEY (source, hostname)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- A worker's process, for the meter of events that never came. Between its first and its last heartbeat it took up
-- last_processed - first_processed tasks, and each should have given a started event with a stamp in between. Stamps
-- of started events outside that time wait in open_starts, since a heartbeat may still come that is earlier or later.
-- Where a process has its number anew (in a container each has the same) its count begins anew: what was counted until
-- then is kept in former_processed and former_starts.
CREATE TABLE IF NOT EXISTS worker_incarnations (
    source text COLLATE "C" NOT NULL DEFAULT coalesce(current_setting('taskbridge.source', true), ''),
    hostname text COLLATE "C",
    pid bigint,
    first_heartbeat_at timestamptz,
    first_processed bigint,
    last_heartbeat_at timestamptz,
    last_processed bigint,
    starts_seen bigint NOT NULL DEFAULT 0,
    open_starts timestamptz[] NOT NULL DEFAULT '{}',
    former_processed bigint NOT NULL DEFAULT 0,
    former_starts bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, hostname, pid)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE worker_incarnations ALTER open_starts SET STORAGE EXTERNAL;

-- How many of these stamps lie between the two heartbeats.
CREATE OR REPLACE FUNCTION worker_starts_between(stamps timestamptz[], first_at timestamptz, last_at timestamptz)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN first_at IS NULL THEN 0 ELSE
    (SELECT count(*) FROM unnest(stamps) stamp WHERE stamp > first_at AND stamp <= last_at) END
$$;

-- Which of them may still come to: as many as a busy worker starts until its next heartbeat; and, while none has come,
-- the few that came last, because only what is stamped after the first will count.
CREATE OR REPLACE FUNCTION worker_starts_open(stamps timestamptz[], first_at timestamptz, last_at timestamptz)
RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN first_at IS NULL THEN coalesce(stamps[greatest(1, cardinality(stamps) - 499):], '{}') ELSE
    ARRAY(SELECT stamp FROM unnest(stamps) stamp
          WHERE NOT (stamp > first_at AND stamp <= last_at) AND stamp > first_at - interval '10 minutes'
          ORDER BY stamp DESC LIMIT 10000) END
$$;

-- What a count may be: 0 to 2^53, as the daemons take it. No row, however it came, makes a sum of them overflow.
CREATE OR REPLACE FUNCTION worker_count(count bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT least(greatest(count, 0), 9007199254740992) $$;

CREATE OR REPLACE VIEW worker_missed_events AS
SELECT source, hostname, pid, first_heartbeat_at, last_heartbeat_at,
    worker_count(worker_count(former_processed) + worker_count(last_processed) - worker_count(first_processed))
        AS processed,
    worker_count(former_starts) + worker_count(starts_seen) AS starts_seen,
    greatest(0, worker_count(former_processed) - worker_count(former_starts)) + greatest(
        0, worker_count(last_processed) - worker_count(first_processed) - worker_count(starts_seen)) AS missed
FROM worker_incarnations
WHERE last_heartbeat_at IS NOT NULL;

-- JSON that PostgreSQL refuses (U+0000 in a string) is kept as text: a dead letter is never itself refused.
CREATE OR REPLACE FUNCTION dead_letter_headers(headers text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN headers::jsonb;
EXCEPTION WHEN data_exception OR statement_too_complex OR program_limit_exceeded THEN
    RETURN to_jsonb(headers);
END
$$;

CREATE TABLE IF NOT EXISTS dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance text NOT NULL,
    received_at timestamptz,
    routing_key text,
    content_type text,
    content_encoding text,
    headers jsonb,
    body bytea NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retried_at timestamptz,
    masked boolean NOT NULL DEFAULT false,          -- a secret was taken out of it: it can't be sent again
    body_sha256 bytea GENERATED ALWAYS AS (sha256(body)) STORED,
    kind_type text COLLATE "C",                     -- with kind the key of dead_letter_kinds
    kind text COLLATE "C"
);
ALTER TABLE dead_letters ALTER body SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS dead_letters_body ON dead_letters (body_sha256);

-- What a reason says apart from the numbers and quoted texts in it: as many kinds as there are causes.
CREATE OR REPLACE FUNCTION dead_letter_kind(reason text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT left(regexp_replace(regexp_replace(reason, '''[^'']*''|"[^"]*"', '…', 'g'), '[0-9]+', '#', 'g'), 120)
$$;

-- How many letters there are of each kind, and how many came beyond its ceiling and were only counted; '' stands for
-- the kinds beyond the ceiling of kinds.
CREATE TABLE IF NOT EXISTS dead_letter_kinds (
    content_type text COLLATE "C",
    kind text COLLATE "C",
    kept bigint NOT NULL DEFAULT 0,
    kept_bytes bigint NOT NULL DEFAULT 0,
    dropped bigint NOT NULL DEFAULT 0,
    dropped_bytes bigint NOT NULL DEFAULT 0,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (content_type, kind)
) WITH (fillfactor = 50);

-- Whoever deletes letters makes room for others of their kinds.
CREATE OR REPLACE FUNCTION dead_letters_deleted() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE dead_letter_kinds k SET kept = k.kept - gone.letters, kept_bytes = k.kept_bytes - gone.bytes
    FROM (SELECT kind_type, kind, count(*) AS letters, sum(length(body)) AS bytes FROM deleted GROUP BY 1, 2) gone
    WHERE k.content_type = gone.kind_type AND k.kind = gone.kind;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER dead_letters_deleted AFTER DELETE ON dead_letters REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION dead_letters_deleted();

-- A daemon, by its name. run tells one process of that name from the next; batch_number is its last batch of which
-- the counters know, so that one whose answer was lost is not counted twice.
CREATE TABLE IF NOT EXISTS bridge_instances (
    instance text COLLATE "C" PRIMARY KEY,
    run text,
    batch_number bigint NOT NULL DEFAULT 0,
    version text,
    started_at timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    committed_at timestamptz,
    stopped_at timestamptz,
    batches bigint NOT NULL DEFAULT 0,              -- from here on counters, over all runs
    deliveries bigint NOT NULL DEFAULT 0,
    redelivered bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    task_events bigint NOT NULL DEFAULT 0,
    worker_events bigint NOT NULL DEFAULT 0,
    unknown_events bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    rows_written bigint NOT NULL DEFAULT 0,
    source text COLLATE "C",                        -- from here on as its last heartbeat said: its broker and vhost
    queue text COLLATE "C",
    broker_connected boolean,
    listening_since timestamptz,                    -- since when every event is heard; NULL: not at present
    heard_until timestamptz,                        -- up to when all that was said is in the database
    queue_messages bigint,
    queue_bytes bigint,
    queue_max_bytes bigint,
    lag_us bigint,                                  -- from an event's stamp to its commit, of late
    rss_bytes bigint,
    details jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Event types that mean nothing here, by name; '' counts those beyond the ceiling of names.
CREATE TABLE IF NOT EXISTS event_types (
    instance text COLLATE "C",
    type text COLLATE "C",
    count bigint NOT NULL,
    PRIMARY KEY (instance, type)
) WITH (fillfactor = 70);

CREATE TABLE IF NOT EXISTS maintenance_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    instance text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    outcome text NOT NULL DEFAULT 'running'
        CHECK (outcome IN ('requested', 'running', 'done', 'stopped', 'failed', 'abandoned')),
    rows bigint NOT NULL DEFAULT 0,
    detail text NOT NULL DEFAULT '',
    manual boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS maintenance_runs_job ON maintenance_runs (job, id DESC);

-- What operators asked workers to do.
CREATE TABLE IF NOT EXISTS commands (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    what text NOT NULL,
    target text,
    arguments jsonb NOT NULL DEFAULT '{}',
    instance text,
    started_at timestamptz,
    finished_at timestamptz,
    outcome text NOT NULL DEFAULT 'requested'
        CHECK (outcome IN ('requested', 'running', 'done', 'failed', 'expired')),
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS commands_waiting ON commands (id) WHERE finished_at IS NULL;
