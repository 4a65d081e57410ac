-- Deletes rows that ended more than $1 seconds ago, at most $2, the oldest first; but not the root of a flow of which
-- another row ended later or has not ended, for its steps take their company from it. Rows in use are left for the next
-- time, so that no event waits for this. Returns how many went; their companies are notified.
WITH doomed AS (
    SELECT id FROM background_task_trackers t
    WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(secs => $1::float8)
        AND NOT EXISTS (
            SELECT FROM background_task_trackers step
            WHERE step.root_id = t.task_id AND step.root_id <> step.task_id
                AND (step.completed_at IS NULL OR step.completed_at >= now() - make_interval(secs => $1::float8)))
    ORDER BY completed_at, id LIMIT $2::bigint
    FOR UPDATE OF t SKIP LOCKED
), deleted AS (
    DELETE FROM background_task_trackers t USING doomed WHERE t.id = doomed.id RETURNING t.company_key
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM deleted WHERE company_key IS NOT NULL) companies
)
SELECT count(*), (SELECT * FROM woken) FROM deleted
