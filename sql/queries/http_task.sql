-- Behind http_see.sql: the company's task $1, or those of the flow that task $2 began, the first first, at most 1001; what
-- ended more than $3 seconds ago only where $4. Columns as in http_active.sql; then root and parent. Stamps in
-- microseconds.
SELECT task_id, left(display_name, 512), status, progress, (extract(epoch FROM started_at) * 1000000)::bigint,
    task_type, celery_state, left(progress_text, 2000), retries,
    (extract(epoch FROM completed_at) * 1000000)::bigint, left(error_message, 2000), id, left(task_name, 512),
    CASE WHEN status = 'pending' AND eta_at >= coalesce(greatest(retried_at, requeued_at), '-infinity') THEN eta END,
    CASE WHEN stalled_since > updated_at AND status = 'running' THEN 'stalled' END,
    root_id, parent_id
FROM background_task_trackers
WHERE company_key = current_setting('taskbridge.company')
    AND (task_id = coalesce($1::text, $2::text) OR (root_id = $2::text AND root_id <> task_id))
    AND ($4::boolean OR completed_at IS NULL OR completed_at > now() - make_interval(secs => $3::float8))
ORDER BY first_at, id
LIMIT 1001
