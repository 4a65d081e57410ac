-- Ends tasks that were to be taken before a time that is more than $1 microseconds past, and that no worker ever had, at
-- most $2: the broker drops them without a word. Only while all that was said is in the database. They ended when they
-- expired; a worker that took one all the same takes this back by what it says. Returns how many.
WITH gone AS (
    SELECT id, tracker_time(expires) AS expired_at FROM background_task_trackers t
    WHERE completed_at IS NULL AND expires IS NOT NULL
        AND received_at IS NULL AND began_at IS NULL AND alive_at IS NULL
        AND tracker_time(expires) < now() - $1::bigint * interval '1 microsecond'
        AND updated_at < now() - $1::bigint * interval '1 microsecond'
    ORDER BY task_id LIMIT $2::bigint
    FOR UPDATE OF t SKIP LOCKED
), ended AS (
    UPDATE background_task_trackers t SET
        lost_at = greatest(gone.expired_at,
                           greatest(t.sent_at, t.retried_at, t.requeued_at, t.cancelled_at, t.failed_at, t.revoked_at,
                                    t.rejected_at)
                           + interval '1 microsecond'),
        lost_reason = 'expired before a worker took it',
        updated_at = now(),
        company_before = t.company_key
    FROM gone WHERE t.id = gone.id
    RETURNING t.company_key
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM ended WHERE company_key IS NOT NULL) companies
)
SELECT count(*), (SELECT * FROM woken) FROM ended
