-- Tasks that task $1 started, oldest first, at most $2.
SELECT task_id, display_name, status, celery_state, progress
FROM background_task_trackers WHERE parent_id = $1::text
ORDER BY created_at, id LIMIT $2::bigint
