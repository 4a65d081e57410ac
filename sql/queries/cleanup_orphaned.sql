-- Ends rows that were not heard of for $1 seconds, at most $2, as lost: nobody will ever say what became of them. But
-- not what is due later, nor what a worker that lives has: of that update_task_statuses asks. An ended row has the time
-- of every other, and any event of its task takes this back. No index holds updated_at: those that have not ended are
-- few, and the index of the companies' active rows has them all. Returns how many; their companies are notified.
WITH silent AS (
    SELECT id FROM background_task_trackers t
    WHERE completed_at IS NULL AND updated_at < now() - make_interval(secs => $1::float8)
        AND coalesce(tracker_time(eta), '-infinity') <= now()
        AND NOT (celery_state IN ('RECEIVED', 'STARTED', 'PROGRESS') AND EXISTS (
            SELECT FROM celery_workers w
            WHERE w.source = t.worker_source AND w.hostname = t.worker AND w.heard_at > now() - interval '5 minutes'))
    ORDER BY updated_at, id LIMIT $2::bigint
    FOR UPDATE OF t SKIP LOCKED
), ended AS (
    UPDATE background_task_trackers t SET
        lost_at = coalesce(greatest(t.sent_at, t.received_at, t.began_at, t.retried_at, t.requeued_at, t.cancelled_at,
                                    t.failed_at, t.revoked_at, t.rejected_at, t.alive_at)
                           + greatest(now() - t.updated_at, interval '1 microsecond'), now()),
        lost_reason = 'outcome unknown: nothing was heard of it for ' || CASE
            WHEN now() - t.updated_at >= interval '2 days' THEN extract(day FROM now() - t.updated_at) || ' days'
            ELSE floor(extract(epoch FROM now() - t.updated_at) / 60) || ' minutes' END,
        updated_at = now(),
        company_before = t.company_key
    FROM silent WHERE t.id = silent.id
    RETURNING t.company_key
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM ended WHERE company_key IS NOT NULL) companies
)
SELECT count(*), (SELECT * FROM woken) FROM ended
