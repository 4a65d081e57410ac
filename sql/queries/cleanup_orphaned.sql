-- Deletes rows that have not ended and were not heard of for $1 seconds, at most $2. No index holds updated_at: those
-- that have not ended are few, and the index of the companies' active rows has them all. Otherwise as
-- cleanup_completed.sql.
WITH doomed AS (
    SELECT id FROM background_task_trackers
    WHERE completed_at IS NULL AND updated_at < now() - make_interval(secs => $1::float8)
    ORDER BY updated_at, id LIMIT $2::bigint
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM background_task_trackers t USING doomed WHERE t.id = doomed.id RETURNING t.company_key
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM deleted WHERE company_key IS NOT NULL) companies
)
SELECT count(*), (SELECT * FROM woken) FROM deleted
