-- One batch's rows, joined with what is there: the SQL half of core/row.c. $1..$54 are arrays, one element a row,
-- sorted by task_id, so that all daemons lock in one order; an array that would hold NULLs only may be NULL itself.
--
-- A group of values wins as a whole, by its stamp and then by its values in the order given, NULL before all. The
-- columns compare text by bytes. Each company whose document changed is notified once: also the one that a row has
-- left.
WITH changed AS (
    INSERT INTO background_task_trackers AS t (
        task_id, sent_at, first_alive_at, received_at, began_at, retried_at, requeued_at, cancelled_at, rejected_at,
        alive_at, succeeded_at, result, runtime_s, failed_at, error, traceback, revoked_at, revoke_text, progress_at,
        progress_value, text_at, progress_note, name_at, name, received_name_at, received_name, rule_is_of_name,
        rule_at, rule_type, rule_display_name, worker_at, worker, queue_at, queue, root_at, root_id, parent_at,
        parent_id, args_at, args, kwargs_at, kwargs, eta_at, eta, expires_at, expires, retries_at, retries,
        event_company_at, event_company, rule_company_at, rule_company, inherits_company, belongs_to_nobody,
        worker_source)
    SELECT
        task_id, sent_at, first_alive_at, received_at, began_at, retried_at, requeued_at, cancelled_at, rejected_at,
        alive_at, succeeded_at, result, runtime_s, failed_at, error, traceback, revoked_at, revoke_text, progress_at,
        progress_value, text_at, progress_note, name_at, name, received_name_at, received_name,
        coalesce(rule_is_of_name, false), rule_at, rule_type, rule_display_name, worker_at, worker, queue_at, queue,
        root_at, root_id, parent_at, parent_id, args_at, args, kwargs_at, kwargs, eta_at, eta, expires_at, expires,
        retries_at, retries, event_company_at, event_company, rule_company_at, rule_company,
        coalesce(inherits_company, false), coalesce(belongs_to_nobody, false),
        CASE WHEN worker IS NOT NULL THEN coalesce(current_setting('taskbridge.source', true), '') END
    FROM unnest(
        $1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
        $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::text[],
        $13::float8[], $14::timestamptz[], $15::text[], $16::text[], $17::timestamptz[], $18::text[],
        $19::timestamptz[], $20::float8[], $21::timestamptz[], $22::text[], $23::timestamptz[], $24::text[],
        $25::timestamptz[], $26::text[], $27::bool[], $28::timestamptz[], $29::text[], $30::text[], $31::timestamptz[],
        $32::text[], $33::timestamptz[], $34::text[], $35::timestamptz[], $36::text[], $37::timestamptz[], $38::text[],
        $39::timestamptz[], $40::text[], $41::timestamptz[], $42::text[], $43::timestamptz[], $44::text[],
        $45::timestamptz[], $46::text[], $47::timestamptz[], $48::int8[], $49::timestamptz[], $50::text[],
        $51::timestamptz[], $52::text[], $53::bool[], $54::bool[])
        AS e (
        task_id, sent_at, first_alive_at, received_at, began_at, retried_at, requeued_at, cancelled_at, rejected_at,
        alive_at, succeeded_at, result, runtime_s, failed_at, error, traceback, revoked_at, revoke_text, progress_at,
        progress_value, text_at, progress_note, name_at, name, received_name_at, received_name, rule_is_of_name,
        rule_at, rule_type, rule_display_name, worker_at, worker, queue_at, queue, root_at, root_id, parent_at,
        parent_id, args_at, args, kwargs_at, kwargs, eta_at, eta, expires_at, expires, retries_at, retries,
        event_company_at, event_company, rule_company_at, rule_company, inherits_company, belongs_to_nobody)
    ON CONFLICT (task_id) DO UPDATE SET
        updated_at = now(),
        company_before = t.company_key,
        counted_before = tracker_counted(t.completed_at, t.celery_state, t.sent_at, t.received_at, t.started_at,
                                         t.task_type),
        sent_at = least(t.sent_at, excluded.sent_at),
        first_alive_at = least(t.first_alive_at, excluded.first_alive_at),
        received_at = greatest(t.received_at, excluded.received_at),
        began_at = greatest(t.began_at, excluded.began_at),
        starts = CASE WHEN t.began_at <> excluded.began_at
            THEN starts_united(coalesce(t.starts, ARRAY[t.began_at]), ARRAY[excluded.began_at]) ELSE t.starts END,
        retried_at = greatest(t.retried_at, excluded.retried_at),
        requeued_at = greatest(t.requeued_at, excluded.requeued_at),
        cancelled_at = greatest(t.cancelled_at, excluded.cancelled_at),
        rejected_at = greatest(t.rejected_at, excluded.rejected_at),
        alive_at = greatest(t.alive_at, excluded.alive_at),
        succeeded_at = greatest(t.succeeded_at, excluded.succeeded_at),
        result = CASE WHEN
                (excluded.succeeded_at, excluded.result IS NOT NULL, coalesce(excluded.result, ''),
                 excluded.runtime_s IS NOT NULL, coalesce(excluded.runtime_s, 0)) >
                (coalesce(t.succeeded_at, '-infinity'), t.result IS NOT NULL, coalesce(t.result, ''),
                 t.runtime_s IS NOT NULL, coalesce(t.runtime_s, 0))
            THEN excluded.result ELSE t.result END,
        runtime_s = CASE WHEN
                (excluded.succeeded_at, excluded.result IS NOT NULL, coalesce(excluded.result, ''),
                 excluded.runtime_s IS NOT NULL, coalesce(excluded.runtime_s, 0)) >
                (coalesce(t.succeeded_at, '-infinity'), t.result IS NOT NULL, coalesce(t.result, ''),
                 t.runtime_s IS NOT NULL, coalesce(t.runtime_s, 0))
            THEN excluded.runtime_s ELSE t.runtime_s END,
        failed_at = greatest(t.failed_at, excluded.failed_at),
        error = CASE WHEN
                (excluded.failed_at, excluded.error IS NOT NULL, coalesce(excluded.error, ''),
                 excluded.traceback IS NOT NULL, coalesce(excluded.traceback, '')) >
                (coalesce(t.failed_at, '-infinity'), t.error IS NOT NULL, coalesce(t.error, ''),
                 t.traceback IS NOT NULL, coalesce(t.traceback, ''))
            THEN excluded.error ELSE t.error END,
        traceback = CASE WHEN
                (excluded.failed_at, excluded.error IS NOT NULL, coalesce(excluded.error, ''),
                 excluded.traceback IS NOT NULL, coalesce(excluded.traceback, '')) >
                (coalesce(t.failed_at, '-infinity'), t.error IS NOT NULL, coalesce(t.error, ''),
                 t.traceback IS NOT NULL, coalesce(t.traceback, ''))
            THEN excluded.traceback ELSE t.traceback END,
        revoked_at = greatest(t.revoked_at, excluded.revoked_at),
        revoke_text = CASE WHEN
                (excluded.revoked_at, excluded.revoke_text IS NOT NULL, coalesce(excluded.revoke_text, '')) >
                (coalesce(t.revoked_at, '-infinity'), t.revoke_text IS NOT NULL, coalesce(t.revoke_text, ''))
            THEN excluded.revoke_text ELSE t.revoke_text END,
        progress_at = greatest(t.progress_at, excluded.progress_at),
        progress_value = CASE WHEN
                (excluded.progress_at, excluded.progress_value) >
                (coalesce(t.progress_at, '-infinity'), t.progress_value)
            THEN excluded.progress_value ELSE t.progress_value END,
        text_at = greatest(t.text_at, excluded.text_at),
        progress_note = CASE WHEN
                (excluded.text_at, excluded.progress_note) >
                (coalesce(t.text_at, '-infinity'), t.progress_note)
            THEN excluded.progress_note ELSE t.progress_note END,
        name_at = greatest(t.name_at, excluded.name_at),
        name = CASE WHEN
                (excluded.name_at, excluded.name) >
                (coalesce(t.name_at, '-infinity'), t.name)
            THEN excluded.name ELSE t.name END,
        received_name_at = greatest(t.received_name_at, excluded.received_name_at),
        received_name = CASE WHEN
                (excluded.received_name_at, excluded.received_name) >
                (coalesce(t.received_name_at, '-infinity'), t.received_name)
            THEN excluded.received_name ELSE t.received_name END,
        rule_is_of_name = t.rule_is_of_name OR excluded.rule_is_of_name,
        rule_at = CASE WHEN
                (excluded.rule_at IS NOT NULL, excluded.rule_is_of_name, excluded.rule_at,
                 excluded.rule_type IS NOT NULL, coalesce(excluded.rule_type, ''),
                 excluded.rule_display_name IS NOT NULL, coalesce(excluded.rule_display_name, '')) >
                (t.rule_at IS NOT NULL, t.rule_is_of_name, t.rule_at, t.rule_type IS NOT NULL,
                 coalesce(t.rule_type, ''), t.rule_display_name IS NOT NULL, coalesce(t.rule_display_name, ''))
            THEN excluded.rule_at ELSE t.rule_at END,
        rule_type = CASE WHEN
                (excluded.rule_at IS NOT NULL, excluded.rule_is_of_name, excluded.rule_at,
                 excluded.rule_type IS NOT NULL, coalesce(excluded.rule_type, ''),
                 excluded.rule_display_name IS NOT NULL, coalesce(excluded.rule_display_name, '')) >
                (t.rule_at IS NOT NULL, t.rule_is_of_name, t.rule_at, t.rule_type IS NOT NULL,
                 coalesce(t.rule_type, ''), t.rule_display_name IS NOT NULL, coalesce(t.rule_display_name, ''))
            THEN excluded.rule_type ELSE t.rule_type END,
        rule_display_name = CASE WHEN
                (excluded.rule_at IS NOT NULL, excluded.rule_is_of_name, excluded.rule_at,
                 excluded.rule_type IS NOT NULL, coalesce(excluded.rule_type, ''),
                 excluded.rule_display_name IS NOT NULL, coalesce(excluded.rule_display_name, '')) >
                (t.rule_at IS NOT NULL, t.rule_is_of_name, t.rule_at, t.rule_type IS NOT NULL,
                 coalesce(t.rule_type, ''), t.rule_display_name IS NOT NULL, coalesce(t.rule_display_name, ''))
            THEN excluded.rule_display_name ELSE t.rule_display_name END,
        worker_at = greatest(t.worker_at, excluded.worker_at),
        worker = CASE WHEN (excluded.worker_at, excluded.worker) > (coalesce(t.worker_at, '-infinity'), t.worker)
            THEN excluded.worker ELSE t.worker END,
        worker_source = CASE WHEN (excluded.worker_at, excluded.worker, excluded.worker_source) >
                (coalesce(t.worker_at, '-infinity'), t.worker, t.worker_source)
            THEN excluded.worker_source ELSE t.worker_source END,
        queue_at = greatest(t.queue_at, excluded.queue_at),
        queue = CASE WHEN (excluded.queue_at, excluded.queue) > (coalesce(t.queue_at, '-infinity'), t.queue)
            THEN excluded.queue ELSE t.queue END,
        root_at = greatest(t.root_at, excluded.root_at),
        root_id = CASE WHEN (excluded.root_at, excluded.root_id) > (coalesce(t.root_at, '-infinity'), t.root_id)
            THEN excluded.root_id ELSE t.root_id END,
        parent_at = greatest(t.parent_at, excluded.parent_at),
        parent_id = CASE WHEN
                (excluded.parent_at, excluded.parent_id) >
                (coalesce(t.parent_at, '-infinity'), t.parent_id)
            THEN excluded.parent_id ELSE t.parent_id END,
        args_at = greatest(t.args_at, excluded.args_at),
        args = CASE WHEN (excluded.args_at, excluded.args) > (coalesce(t.args_at, '-infinity'), t.args)
            THEN excluded.args ELSE t.args END,
        kwargs_at = greatest(t.kwargs_at, excluded.kwargs_at),
        kwargs = CASE WHEN (excluded.kwargs_at, excluded.kwargs) > (coalesce(t.kwargs_at, '-infinity'), t.kwargs)
            THEN excluded.kwargs ELSE t.kwargs END,
        eta_at = greatest(t.eta_at, excluded.eta_at),
        eta = CASE WHEN (excluded.eta_at, excluded.eta) > (coalesce(t.eta_at, '-infinity'), t.eta)
            THEN excluded.eta ELSE t.eta END,
        expires_at = greatest(t.expires_at, excluded.expires_at),
        expires = CASE WHEN
                (excluded.expires_at, excluded.expires) >
                (coalesce(t.expires_at, '-infinity'), t.expires)
            THEN excluded.expires ELSE t.expires END,
        retries_at = greatest(t.retries_at, excluded.retries_at),
        retries = CASE WHEN
                (excluded.retries_at, excluded.retries) >
                (coalesce(t.retries_at, '-infinity'), t.retries)
            THEN excluded.retries ELSE t.retries END,
        event_company_at = least(t.event_company_at, excluded.event_company_at),
        event_company = CASE WHEN
                (excluded.event_company_at, excluded.event_company) <
                (coalesce(t.event_company_at, 'infinity'), t.event_company)
            THEN excluded.event_company ELSE t.event_company END,
        rule_company_at = least(t.rule_company_at, excluded.rule_company_at),
        rule_company = CASE WHEN
                (excluded.rule_company_at, excluded.rule_company) <
                (coalesce(t.rule_company_at, 'infinity'), t.rule_company)
            THEN excluded.rule_company ELSE t.rule_company END,
        inherits_company = t.inherits_company OR excluded.inherits_company,
        belongs_to_nobody = t.belongs_to_nobody OR excluded.belongs_to_nobody
    RETURNING t.company_key, t.company_before, t.counted_before,
        tracker_counted(t.completed_at, t.celery_state, t.sent_at, t.received_at, t.started_at, t.task_type) AS counted
), counted AS MATERIALIZED (
    SELECT stats_add(array_agg(counted), array_agg(counted_before)) AS parts FROM changed
    WHERE counted IS DISTINCT FROM counted_before
)
SELECT count(pg_notify('taskbridge_company', company)), (SELECT parts FROM counted)
FROM (SELECT company_key FROM changed UNION SELECT company_before FROM changed) touched (company)
WHERE company IS NOT NULL
