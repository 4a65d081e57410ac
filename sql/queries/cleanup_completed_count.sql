-- How many rows cleanup_completed.sql would delete with the same $1.
SELECT count(*) FROM background_task_trackers
WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(secs => $1::float8)
