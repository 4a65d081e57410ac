-- How many rows cleanup_orphaned.sql would end with the same $1.
SELECT count(*) FROM background_task_trackers t
WHERE completed_at IS NULL AND updated_at < now() - make_interval(secs => $1::float8)
    AND coalesce(tracker_time(eta), '-infinity') <= now()
    AND NOT (celery_state IN ('RECEIVED', 'STARTED', 'PROGRESS') AND EXISTS (
        SELECT FROM celery_workers w
        WHERE w.source = t.worker_source AND w.hostname = t.worker AND w.heard_at > now() - interval '5 minutes'))
