-- How many rows cleanup_completed.sql would delete with the same $1.
SELECT count(*) FROM background_task_trackers t
WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(secs => $1::float8)
    AND NOT EXISTS (
        SELECT FROM background_task_trackers step
        WHERE step.root_id = t.task_id AND step.root_id <> step.task_id
            AND (step.completed_at IS NULL OR step.completed_at >= now() - make_interval(secs => $1::float8)))
