-- Behind http_caller.sql: the company's tasks that are pending or running, oldest first, at most $1. Stamps in
-- microseconds.
SELECT task_id, display_name, status, progress, (extract(epoch FROM started_at) * 1000000)::bigint,
    task_type, celery_state, progress_text, retries
FROM background_task_trackers
WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL
ORDER BY first_at, id
LIMIT $1::bigint
