-- Forgets daemons that were not heard of for $1 seconds, with their counters, and workers likewise.
WITH gone AS (
    DELETE FROM bridge_instances WHERE heartbeat_at < now() - make_interval(secs => $1::float8) RETURNING instance
), types AS (
    DELETE FROM event_types USING gone WHERE event_types.instance = gone.instance
), processes AS (
    DELETE FROM worker_incarnations WHERE updated_at < now() - make_interval(secs => $1::float8)
), workers AS (
    DELETE FROM celery_workers WHERE heard_at < now() - make_interval(secs => $1::float8)
)
SELECT count(*) FROM gone
