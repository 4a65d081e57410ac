-- One row a task: facts, each with a join of its own, and what people see of them, generated.
--
-- Order, duplication and the number of daemons must not matter, so what arrives is never written over:
-- upsert_trackers.sql joins facts, and the generated columns at the end are a pure function of these. Their functions
-- are plain expressions that PostgreSQL puts in place of the call.

-- In these functions R is greatest(received_at, began_at), the beginning of the latest attempt as a worker has it;
-- A is greatest(received_at, retried_at, requeued_at, cancelled_at), the moment from which it waits for its latest
-- attempt; T is greatest(failed_at, revoked_at, rejected_at). What is absent is -infinity.

CREATE OR REPLACE FUNCTION tracker_status(
    sent_at timestamptz, received_at timestamptz, began_at timestamptz, retried_at timestamptz,
    requeued_at timestamptz, cancelled_at timestamptz, succeeded_at timestamptz, failed_at timestamptz,
    revoked_at timestamptz,
    rejected_at timestamptz, alive_at timestamptz, lost_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN succeeded_at IS NOT NULL THEN 'success'
    WHEN greatest(failed_at, revoked_at, rejected_at) >= coalesce(greatest(received_at, began_at), '-infinity')
        THEN 'failed'
    WHEN lost_at > coalesce(greatest(sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at,
                                     failed_at, revoked_at, rejected_at, alive_at), '-infinity') THEN 'failed'
    WHEN greatest(began_at, alive_at) >=
            coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity') THEN 'running'
    ELSE 'pending' END
$$;

CREATE OR REPLACE FUNCTION tracker_celery_state(
    sent_at timestamptz, received_at timestamptz, began_at timestamptz, retried_at timestamptz,
    requeued_at timestamptz, cancelled_at timestamptz, succeeded_at timestamptz, failed_at timestamptz,
    revoked_at timestamptz,
    rejected_at timestamptz, alive_at timestamptz, lost_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN succeeded_at IS NOT NULL THEN 'SUCCESS'
    WHEN revoked_at >= coalesce(greatest(received_at, began_at), '-infinity') THEN 'REVOKED'
    WHEN failed_at >= coalesce(greatest(received_at, began_at), '-infinity') THEN 'FAILURE'
    WHEN rejected_at >= coalesce(greatest(received_at, began_at), '-infinity') THEN 'REJECTED'
    WHEN lost_at > coalesce(greatest(sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at,
                                     failed_at, revoked_at, rejected_at, alive_at), '-infinity') THEN 'LOST'
    WHEN alive_at >= coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity') THEN 'PROGRESS'
    WHEN began_at >= coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity') THEN 'STARTED'
    WHEN retried_at >= coalesce(greatest(received_at, requeued_at, cancelled_at), '-infinity') THEN 'RETRY'
    WHEN received_at IS NOT NULL THEN 'RECEIVED'
    ELSE 'PENDING' END
$$;

-- Clamped before it becomes an integer: workers do send Infinity.
CREATE OR REPLACE FUNCTION tracker_progress(
    received_at timestamptz, retried_at timestamptz, requeued_at timestamptz, cancelled_at timestamptz,
    succeeded_at timestamptz, progress_at timestamptz, progress_value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN succeeded_at IS NOT NULL THEN 100
    WHEN progress_at >= coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity')
        THEN floor(least(greatest(progress_value, 0), 100))::integer
    ELSE 0 END
$$;

CREATE OR REPLACE FUNCTION tracker_progress_text(
    received_at timestamptz, retried_at timestamptz, requeued_at timestamptz, cancelled_at timestamptz,
    text_at timestamptz, progress_note text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN text_at >= coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity')
    THEN progress_note END
$$;

-- Where its start never came, a task that succeeded says how long it ran; while it runs, its first sign of life is what
-- is known, or of a later attempt the moment from which it waited for that: neither moves while it runs. A failure, a
-- revocation or a rejection alone is no sign that it ever began. Times of day have no part in it, hence UTC.
CREATE OR REPLACE FUNCTION tracker_started_at(
    received_at timestamptz, began_at timestamptz, retried_at timestamptz, requeued_at timestamptz,
    cancelled_at timestamptz, succeeded_at timestamptz, runtime_s double precision, first_alive_at timestamptz,
    alive_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(began_at,
    CASE WHEN runtime_s BETWEEN 0 AND 4294967296 THEN
        (succeeded_at AT TIME ZONE 'UTC' - make_interval(secs => runtime_s)) AT TIME ZONE 'UTC' END,
    CASE WHEN alive_at >= coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity') THEN
        greatest(coalesce(first_alive_at, alive_at), received_at, retried_at, requeued_at, cancelled_at) END)
$$;

CREATE OR REPLACE FUNCTION tracker_completed_at(
    sent_at timestamptz, received_at timestamptz, began_at timestamptz, retried_at timestamptz,
    requeued_at timestamptz, cancelled_at timestamptz, succeeded_at timestamptz, failed_at timestamptz,
    revoked_at timestamptz,
    rejected_at timestamptz, alive_at timestamptz, lost_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN succeeded_at IS NOT NULL THEN succeeded_at
    WHEN greatest(failed_at, revoked_at, rejected_at) >= coalesce(greatest(received_at, began_at), '-infinity')
        THEN greatest(failed_at, revoked_at, rejected_at)
    WHEN lost_at > coalesce(greatest(sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at,
                                     failed_at, revoked_at, rejected_at, alive_at), '-infinity') THEN lost_at END
$$;

-- Only of a task that failed; an empty text says nothing.
CREATE OR REPLACE FUNCTION tracker_error_message(
    sent_at timestamptz, received_at timestamptz, began_at timestamptz, retried_at timestamptz,
    requeued_at timestamptz, cancelled_at timestamptz, succeeded_at timestamptz, failed_at timestamptz, error text,
    revoked_at timestamptz,
    revoke_text text, rejected_at timestamptz, alive_at timestamptz, lost_at timestamptz, lost_reason text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN succeeded_at IS NOT NULL THEN NULL
    WHEN greatest(failed_at, revoked_at, rejected_at) >= coalesce(greatest(received_at, began_at), '-infinity') THEN
        CASE
            WHEN revoked_at >= coalesce(greatest(received_at, began_at), '-infinity')
                THEN coalesce(nullif(revoke_text, ''), 'revoked')
            WHEN failed_at >= coalesce(greatest(received_at, began_at), '-infinity') AND error <> '' THEN error
            WHEN rejected_at >= coalesce(greatest(received_at, began_at), '-infinity') THEN 'rejected' END
    WHEN lost_at > coalesce(greatest(sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at,
                                     failed_at, revoked_at, rejected_at, alive_at), '-infinity')
        THEN nullif(lost_reason, '') END
$$;

-- The last dotted part of a task's name: its type, and what people read where nothing better is known.
CREATE OR REPLACE FUNCTION tracker_last_part(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(nullif(substring(name FROM '[^.]*$'), ''), name)
$$;

-- A time as an event tells it, ISO 8601, in UTC where it names no zone; NULL where it is none.
CREATE OR REPLACE FUNCTION tracker_time(told text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    IF told !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[-+][0-9:]+)?$' THEN
        RETURN NULL;
    END IF;
    RETURN told::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- The company as the product's integer key, where it is one: no sign but "-", no leading zeros, within bigint.
CREATE OR REPLACE FUNCTION tracker_company_id(company_key text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN company_key ~ '^(0|-?[1-9][0-9]{0,18})$' THEN
    CASE WHEN length(company_key) < 19 THEN company_key::bigint
         WHEN company_key::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN company_key::bigint END
    END
$$;

-- The bin of a time in a logarithmic histogram: four for each doubling (4 / ln 2), from a microsecond on.
CREATE OR REPLACE FUNCTION tracker_bin(from_at timestamptz, to_at timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN from_at IS NOT NULL AND to_at IS NOT NULL
    THEN floor(1e-9 + 5.770780163555854 * ln(greatest(1::float8, 1000000::float8 *
        date_part('epoch', to_at - from_at))))::integer END
$$;

-- What task_stats counts a row as: the five minutes in which it ended (their number since 1970), how, how long it waited
-- and ran, of what type; NULL while it has not ended.
CREATE OR REPLACE FUNCTION tracker_counted(
    completed_at timestamptz, celery_state text, sent_at timestamptz, received_at timestamptz, started_at timestamptz,
    task_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN completed_at IS NOT NULL THEN
    floor(date_part('epoch', completed_at - '1970-01-01 00:00:00+00'::timestamptz) / 300)::bigint::text || '|' || celery_state || '|' ||
    coalesce(tracker_bin(coalesce(sent_at, received_at), started_at)::text, '') || '|' ||
    coalesce(tracker_bin(started_at, completed_at)::text, '') || '|' || coalesce(task_type, '') END
$$;

-- All starts in either, in their order; NULL where there is only one.
CREATE OR REPLACE FUNCTION starts_united(a timestamptz[], b timestamptz[]) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN count(*) > 1 THEN array_agg(start ORDER BY start) END
FROM (SELECT DISTINCT start FROM unnest(a || b) start WHERE start IS NOT NULL) distinct_starts
$$;

-- Text compares by bytes, as the daemons compare it. No index holds updated_at, status or celery_state: they change
-- with nearly every update, which then could not stay on its page.
CREATE TABLE IF NOT EXISTS background_task_trackers (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    task_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),   -- when it was last heard of: by an event, or as registered

    sent_at timestamptz,                             -- least; all other stamps greatest, unless said
    first_alive_at timestamptz,                      -- least
    received_at timestamptz,
    began_at timestamptz,
    retried_at timestamptz,
    requeued_at timestamptz,
    cancelled_at timestamptz,
    rejected_at timestamptz,
    alive_at timestamptz,
    succeeded_at timestamptz,                        -- what follows a stamp travels with it
    result text COLLATE "C",
    runtime_s double precision,
    failed_at timestamptz,
    error text COLLATE "C",
    traceback text COLLATE "C",
    revoked_at timestamptz,
    revoke_text text COLLATE "C",
    progress_at timestamptz,
    progress_value double precision,
    text_at timestamptz,
    progress_note text COLLATE "C",
    name_at timestamptz,
    name text COLLATE "C",                           -- in task-sent
    received_name_at timestamptz,
    received_name text COLLATE "C",                  -- in task-received: its shadow where it is another
    rule_is_of_name boolean NOT NULL DEFAULT false,  -- greatest, before rule_at: the rule of the name, not the shadow's
    rule_at timestamptz,
    rule_type text COLLATE "C",
    rule_display_name text COLLATE "C",
    worker_at timestamptz,
    worker text COLLATE "C",
    worker_source text COLLATE "C",                 -- the broker and vhost where it was heard
    queue_at timestamptz,
    queue text COLLATE "C",
    root_at timestamptz,
    root_id text COLLATE "C",
    parent_at timestamptz,
    parent_id text COLLATE "C",
    args_at timestamptz,
    args text COLLATE "C",
    kwargs_at timestamptz,
    kwargs text COLLATE "C",
    eta_at timestamptz,
    eta text COLLATE "C",
    expires_at timestamptz,
    expires text COLLATE "C",
    retries_at timestamptz,
    retries bigint,
    event_company_at timestamptz,                    -- least
    event_company text COLLATE "C",
    rule_company_at timestamptz,                     -- least
    rule_company text COLLATE "C",
    inherits_company boolean NOT NULL DEFAULT false, -- or
    belongs_to_nobody boolean NOT NULL DEFAULT false, -- or: as its rule says
    inherited_company text COLLATE "C",              -- the root's, by inherit_companies.sql
    registered_company text COLLATE "C",             -- these by tracker_register alone
    registered_name text,
    registered_display_name text,
    registered_at timestamptz,
    metadata jsonb DEFAULT '{}',
    lost_at timestamptz,                             -- these by maintenance alone
    lost_reason text,
    missing_since timestamptz,                       -- when its worker first said that it does not have it
    stalled_since timestamptz,                       -- when its worker, which came back since, said that it still has it
    starts timestamptz[],                            -- all, in their order, where there are more than began_at
    counted_before text COLLATE "C",                 -- what tracker_counted said before the last update
    company_before text COLLATE "C",                 -- company_key before the last update: it has to hear of it too

    status text NOT NULL GENERATED ALWAYS AS (tracker_status(
        sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, failed_at, revoked_at,
        rejected_at, alive_at, lost_at)) STORED,
    celery_state text NOT NULL GENERATED ALWAYS AS (tracker_celery_state(
        sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, failed_at, revoked_at,
        rejected_at, alive_at, lost_at)) STORED,
    progress integer NOT NULL GENERATED ALWAYS AS (tracker_progress(
        received_at, retried_at, requeued_at, cancelled_at, succeeded_at, progress_at, progress_value)) STORED,
    progress_text text GENERATED ALWAYS AS (tracker_progress_text(
        received_at, retried_at, requeued_at, cancelled_at, text_at, progress_note)) STORED,
    started_at timestamptz GENERATED ALWAYS AS (tracker_started_at(
        received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, runtime_s, first_alive_at,
        alive_at)) STORED,
    -- Its first sign, by which tasks are older or younger: those of one batch are made at the same moment. A retry's
    -- received_at is later than created_at, so it stays.
    first_at timestamptz NOT NULL GENERATED ALWAYS AS (least(created_at, sent_at, received_at, began_at)) STORED,
    completed_at timestamptz GENERATED ALWAYS AS (tracker_completed_at(
        sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, failed_at, revoked_at,
        rejected_at, alive_at, lost_at)) STORED,
    error_message text GENERATED ALWAYS AS (tracker_error_message(
        sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, failed_at, error,
        revoked_at, revoke_text, rejected_at, alive_at, lost_at, lost_reason)) STORED,
    task_name text GENERATED ALWAYS AS (coalesce(registered_name, name, received_name)) STORED,
    task_type text GENERATED ALWAYS AS (
        coalesce(rule_type, tracker_last_part(coalesce(name, received_name, registered_name)))) STORED,
    display_name text GENERATED ALWAYS AS (
        coalesce(registered_display_name, rule_display_name, CASE WHEN received_name <> name THEN received_name END,
                 tracker_last_part(coalesce(registered_name, name, received_name)))) STORED,
    company_key text COLLATE "C" GENERATED ALWAYS AS (
        coalesce(registered_company, event_company, rule_company, inherited_company)) STORED,
    company_id bigint GENERATED ALWAYS AS (tracker_company_id(
        coalesce(registered_company, event_company, rule_company, inherited_company))) STORED,

    CONSTRAINT trackers_pkey PRIMARY KEY (id),
    CONSTRAINT trackers_task_id_key UNIQUE (task_id)
) WITH (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 1);

CREATE INDEX IF NOT EXISTS trackers_company_active ON background_task_trackers (company_key, first_at, id)
    WHERE completed_at IS NULL;
CREATE INDEX IF NOT EXISTS trackers_company_completed
    ON background_task_trackers (company_key, completed_at DESC, id DESC) WHERE completed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS trackers_completed ON background_task_trackers (completed_at, id)
    WHERE completed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS trackers_company_failed ON background_task_trackers (company_key, completed_at DESC)
    WHERE completed_at IS NOT NULL AND succeeded_at IS NULL;
CREATE INDEX IF NOT EXISTS trackers_flow ON background_task_trackers (root_id) WHERE root_id <> task_id;
CREATE INDEX IF NOT EXISTS trackers_lost ON background_task_trackers (lost_at) WHERE lost_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS trackers_inheriting ON background_task_trackers (root_id) WHERE inherits_company;

-- Whoever watches a company hears of every change of its rows, whoever makes it: a person, the product, a copy. Daemons
-- tell by themselves, once a batch, and say so in taskbridge.told.
CREATE OR REPLACE FUNCTION tracker_tell() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('taskbridge_company', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.company_key IS NOT NULL THEN
        PERFORM pg_notify('taskbridge_company', OLD.company_key);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.company_key IS NOT NULL THEN
        PERFORM pg_notify('taskbridge_company', NEW.company_key);
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER trackers_tell AFTER INSERT OR UPDATE OR DELETE ON background_task_trackers
    FOR EACH ROW WHEN (current_setting('taskbridge.told', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION tracker_tell();
CREATE OR REPLACE TRIGGER trackers_emptied AFTER TRUNCATE ON background_task_trackers
    FOR EACH STATEMENT EXECUTE FUNCTION tracker_tell();

-- Whose a flow is, by its root: what the root's own row said of it, and may not outlive. Kept of flows of which a task
-- inherits, and of roots whose row goes.
CREATE TABLE IF NOT EXISTS flow_companies (
    root_id text COLLATE "C",
    company text COLLATE "C" NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),      -- when it was last said or asked for, to a day
    CONSTRAINT flow_companies_pkey PRIMARY KEY (root_id)
);
CREATE INDEX IF NOT EXISTS flow_companies_kept ON flow_companies (kept_at);

-- The company that a task inherits: its root's own; else the nearest ancestor's own that is known; where the line of
-- ancestors is broken, what the last of them inherited. Only what is said of a task itself is passed on along a line
-- that is whole, so no circle of tasks can turn a company around.
CREATE OR REPLACE FUNCTION tracker_inherited(task_id text, root_id text, parent_id text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    found text;
BEGIN
    SELECT coalesce(r.registered_company, r.event_company, r.rule_company) INTO found FROM background_task_trackers r
    WHERE r.task_id = tracker_inherited.root_id AND r.task_id <> tracker_inherited.task_id;
    IF found IS NULL THEN
        SELECT f.company INTO found FROM flow_companies f
        WHERE f.root_id = tracker_inherited.root_id AND f.root_id <> tracker_inherited.task_id;
    END IF;
    IF found IS NOT NULL OR tracker_inherited.parent_id IS NULL THEN
        RETURN found;
    END IF;
    WITH RECURSIVE line AS (
        SELECT p.task_id, p.parent_id, coalesce(p.registered_company, p.event_company, p.rule_company) AS own,
            p.inherited_company, 1 AS depth
        FROM background_task_trackers p
        WHERE p.task_id = tracker_inherited.parent_id AND p.task_id <> tracker_inherited.task_id
        UNION ALL
        SELECT p.task_id, p.parent_id, coalesce(p.registered_company, p.event_company, p.rule_company),
            p.inherited_company, line.depth + 1
        FROM line JOIN background_task_trackers p ON p.task_id = line.parent_id
        WHERE line.own IS NULL AND line.depth < 100 AND p.task_id <> tracker_inherited.task_id
    )
    SELECT coalesce(
        (SELECT own FROM line WHERE own IS NOT NULL),
        (SELECT inherited_company FROM line
         WHERE parent_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM background_task_trackers p WHERE p.task_id = line.parent_id)))
    INTO found;
    RETURN found;
END
$$;

-- Tasks whose rule says "inherit" take what they inherit: these tasks; all of these roots' flows, about which something
-- was learnt; of the flows of these members the same; and of these roots' flows those that have none yet. A row that
-- another transaction holds is left for the daemons' next look (inherit_waiting.sql), for rows are locked here in a
-- second round. Returns how many changed; their companies hear of it.
CREATE OR REPLACE FUNCTION tracker_inherit(tasks text[], roots text[], members text[], waiting text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    changed_rows bigint;
BEGIN
WITH flows AS (
    SELECT unnest(roots) AS root_id
    UNION
    SELECT t.root_id FROM unnest(members) AS member (task_id) JOIN background_task_trackers t USING (task_id)
), candidates AS (
    SELECT c.id FROM unnest(tasks) AS own (task_id) JOIN background_task_trackers c USING (task_id)
    WHERE c.inherits_company
    UNION
    SELECT c.id FROM flows JOIN background_task_trackers c USING (root_id) WHERE c.inherits_company
    UNION
    SELECT c.id FROM (SELECT DISTINCT unnest(waiting) AS root_id) flow JOIN background_task_trackers c USING (root_id)
    WHERE c.inherits_company AND c.inherited_company IS NULL
), wanted AS (
    SELECT c.id, tracker_inherited(c.task_id, c.root_id, c.parent_id) AS company
    FROM candidates JOIN background_task_trackers c USING (id)
), locked AS (
    SELECT t.id, wanted.company
    FROM background_task_trackers t JOIN wanted USING (id)
    WHERE wanted.company IS NOT NULL AND t.inherited_company IS DISTINCT FROM wanted.company
    ORDER BY t.task_id
    FOR UPDATE OF t SKIP LOCKED
), changed AS (
    UPDATE background_task_trackers t SET inherited_company = locked.company, company_before = t.company_key
    FROM locked WHERE t.id = locked.id
    RETURNING t.task_id, t.root_id, t.company_key, t.company_before
), kept AS (
    INSERT INTO flow_companies AS f (root_id, company)
    SELECT r.task_id, coalesce(r.registered_company, r.event_company, r.rule_company)
    FROM (SELECT DISTINCT root_id FROM changed WHERE root_id <> task_id) flow
    JOIN background_task_trackers r ON r.task_id = flow.root_id
    WHERE coalesce(r.registered_company, r.event_company, r.rule_company) IS NOT NULL
    ORDER BY 1
    ON CONFLICT (root_id) DO UPDATE SET company = excluded.company, kept_at = now()
    WHERE f.company <> excluded.company OR f.kept_at < now() - interval '1 day'
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company))
    FROM (SELECT company_key FROM changed UNION SELECT company_before FROM changed) touched (company)
    WHERE company IS NOT NULL
)
SELECT count(*) INTO changed_rows FROM changed WHERE (SELECT * FROM woken) IS NOT NULL;
RETURN changed_rows;
END
$$;
