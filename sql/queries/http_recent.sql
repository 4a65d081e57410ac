-- Behind http_caller.sql: the company's tasks that ended, newest first, at most $1. Stamps in microseconds.
SELECT task_id, display_name, status, progress, (extract(epoch FROM started_at) * 1000000)::bigint,
    task_type, celery_state, progress_text, retries,
    (extract(epoch FROM completed_at) * 1000000)::bigint, error_message
FROM background_task_trackers
WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
ORDER BY completed_at DESC, id DESC
LIMIT $1::bigint
