-- Tasks that are known. Returns how many changed, how many rows the batch has, how many are left, the last id, and how
-- many were over more than $1 seconds ago.
--
-- One that no event ever told of is what the product's table says now, but a success stays one. Of one that events told
-- of the table only fills in what they did not say: whose it is, if nobody registered it since; when it began; how far
-- it is; and its end, where that is later than all that the events said.
WITH known AS MATERIALIZED (
    SELECT t.id, t.created_at, t.updated_at, t.registered_at, t.registered_company, t.registered_name,
        t.registered_display_name, t.metadata, t.received_at, t.began_at, t.retried_at, t.progress_at, t.progress_value,
        t.succeeded_at, t.failed_at, t.error, t.completed_at,
        coalesce(t.sent_at, t.received_at, t.alive_at, t.worker_at, t.name_at, t.revoked_at, t.rejected_at,
                 t.requeued_at, t.cancelled_at) IS NOT NULL AS by_events,
        coalesce(greatest(t.sent_at, t.received_at, t.began_at, t.retried_at, t.requeued_at, t.cancelled_at,
                          t.alive_at, t.succeeded_at, t.failed_at, t.revoked_at, t.rejected_at), '-infinity')
            AS last_at,
        r.old_started_at, r.created_at AS r_created_at, r.updated_at AS r_updated_at,
        r.registered_company AS r_company, r.registered_name AS r_name, r.registered_display_name AS r_display_name,
        r.metadata AS r_metadata, r.began_at AS r_began_at, r.retried_at AS r_retried_at,
        r.progress_at AS r_progress_at, r.progress_value AS r_progress_value, r.succeeded_at AS r_succeeded_at,
        r.failed_at AS r_failed_at, r.error AS r_error
    FROM (SELECT * FROM adopt_rows WHERE reason IS NULL ORDER BY task_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM background_task_trackers WHERE task_id = r.task_id FOR UPDATE) t
), judged AS (
    SELECT *, coalesce(registered_at <= r_created_at, true) AS registers,
        by_events AND succeeded_at IS NULL AND r_succeeded_at >= last_at AS succeeds,
        by_events AND completed_at IS NULL AND r_failed_at >= last_at AS fails,
        by_events AND began_at IS NULL AND old_started_at >= coalesce(received_at, '-infinity')
            AND old_started_at <= coalesce(completed_at, 'infinity') AS begins,
        by_events AND progress_at IS NULL AND completed_at IS NULL AS progresses
    FROM known
), facts AS (
    SELECT id, least(created_at, r_created_at) AS created_at, greatest(updated_at, r_updated_at) AS updated_at,
        CASE WHEN registers THEN r_created_at ELSE registered_at END AS registered_at,
        CASE WHEN registers THEN r_company ELSE registered_company END AS registered_company,
        CASE WHEN registers THEN r_name ELSE registered_name END AS registered_name,
        CASE WHEN registers THEN r_display_name ELSE registered_display_name END AS registered_display_name,
        CASE WHEN registers THEN r_metadata ELSE metadata END AS metadata,
        CASE WHEN begins THEN r_began_at WHEN by_events THEN began_at
             WHEN old_started_at IS NULL THEN coalesce(began_at, r_began_at) ELSE r_began_at END AS began_at,
        CASE WHEN by_events THEN retried_at ELSE r_retried_at END AS retried_at,
        CASE WHEN by_events AND NOT progresses THEN progress_at ELSE r_progress_at END AS progress_at,
        CASE WHEN by_events AND NOT progresses THEN progress_value ELSE r_progress_value END AS progress_value,
        CASE WHEN succeeds OR NOT by_events THEN greatest(succeeded_at, r_succeeded_at) ELSE succeeded_at END
            AS succeeded_at,
        CASE WHEN fails OR NOT by_events THEN r_failed_at ELSE failed_at END AS failed_at,
        CASE WHEN fails OR NOT by_events THEN r_error ELSE error END AS error
    FROM judged
), changed AS (
    UPDATE background_task_trackers t SET
        created_at = f.created_at, updated_at = f.updated_at, registered_at = f.registered_at,
        registered_company = f.registered_company, registered_name = f.registered_name,
        registered_display_name = f.registered_display_name, metadata = f.metadata, began_at = f.began_at,
        retried_at = f.retried_at, progress_at = f.progress_at, progress_value = f.progress_value,
        succeeded_at = f.succeeded_at, failed_at = f.failed_at, error = f.error, company_before = t.company_key
    FROM facts f
    WHERE t.id = f.id
        AND (t.created_at, t.updated_at, t.registered_at, t.registered_company, t.registered_name,
             t.registered_display_name, t.metadata, t.began_at, t.retried_at, t.progress_at, t.progress_value,
             t.succeeded_at, t.failed_at, t.error)
            IS DISTINCT FROM
            (f.created_at, f.updated_at, f.registered_at, f.registered_company, f.registered_name,
             f.registered_display_name, f.metadata, f.began_at, f.retried_at, f.progress_at, f.progress_value,
             f.succeeded_at, f.failed_at, f.error)
    RETURNING t.company_key, t.company_before
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company))
    FROM (SELECT company_key FROM changed UNION SELECT company_before FROM changed) touched (company)
    WHERE company IS NOT NULL
)
SELECT count(*), (SELECT count(*) FROM adopt_rows), (SELECT count(*) FROM adopt_rows WHERE reason IS NOT NULL),
    (SELECT old_id FROM adopt_rows ORDER BY old_place DESC LIMIT 1),
    (SELECT count(*) FROM adopt_rows WHERE reason IS NULL AND completed_at < now() - $1::float8 * interval '1 second'),
    (SELECT * FROM woken)
FROM changed
