-- How many rows cleanup_orphaned.sql would delete with the same $1.
SELECT count(*) FROM background_task_trackers
WHERE completed_at IS NULL AND updated_at < now() - make_interval(secs => $1::float8)
