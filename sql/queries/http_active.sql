-- Behind http_see.sql: the company's tasks that are pending or running, oldest first, at most $1: of statuses $2, types
-- $3, with a first sign or a start from $4 on and before $5, among the tasks $6, in the flow $7; each NULL for any.
-- Stamps in microseconds. The inner LIMIT is what the planner knows of the outer one.
SELECT * FROM (
    SELECT task_id, left(display_name, 512), status, progress, (extract(epoch FROM started_at) * 1000000)::bigint,
        task_type, celery_state, left(progress_text, 2000), retries,
        NULL::bigint AS completed_at, NULL::text AS error_message, id, left(task_name, 512),
        CASE WHEN status = 'pending' AND eta_at >= coalesce(greatest(retried_at, requeued_at), '-infinity') THEN eta END,
        CASE WHEN stalled_since > updated_at AND status = 'running' THEN 'stalled' END
    FROM background_task_trackers
    WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL
        AND ($2::text[] IS NULL OR status = ANY ($2))
        AND ($3::text[] IS NULL OR task_type = ANY ($3))
        AND ($4::timestamptz IS NULL OR coalesce(started_at, first_at) >= $4)
        AND ($5::timestamptz IS NULL OR coalesce(started_at, first_at) < $5)
        AND ($6::text[] IS NULL OR task_id = ANY ($6))
        AND ($7::text IS NULL OR task_id = $7 OR root_id = $7)
    ORDER BY first_at, id
    LIMIT 1001) listed
LIMIT $1::bigint
