-- Behind http_see.sql: the ids of the tasks that task $1 brought about, the first first, at most 1000; what ended more
-- than $2 seconds ago only where $3.
SELECT task_id
FROM background_task_trackers
WHERE company_key = current_setting('taskbridge.company') AND parent_id = $1::text AND root_id <> task_id
    AND root_id = (SELECT coalesce(root_id, task_id) FROM background_task_trackers
                   WHERE task_id = $1::text AND company_key = current_setting('taskbridge.company'))
    AND ($3::boolean OR completed_at IS NULL OR completed_at > now() - make_interval(secs => $2::float8))
ORDER BY first_at, id
LIMIT 1000
